import { outsideLogScope } from './log';

/** What is made when it is first asked for: libraries that most requests do not need are loaded then, and not while a cold start waits. */
export interface Late<T> {
  /** Makes it at the first call; after a failure the next call tries again. Rejects with what hindered it. */
  get(): Promise<T>;
  /** Ends it by `close` where it was made; waits for it where that is under way. */
  ifMade(close: (made: T) => Promise<void>): Promise<void>;
}

/** See {@link Late}. */
export function late<T>(make: () => Promise<T>): Late<T> {
  let made: Promise<T> | undefined;
  return {
    get: async () => {
      made ??= outsideLogScope(make).catch((error: unknown) => {
        made = undefined;
        throw error;
      });
      return made;
    },
    ifMade: async (close) => {
      if (made) await made.then(close);
    },
  };
}
