/** Who may work when: one at a time per key, or so many at a time in all. */
import { errors } from '../errors';

/** Callers that may wait for one key; more are refused. */
const MAX_WAITING = 1000;

/** Runs work after all that was given before for the same key. */
export type InTurn = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** A queue per key; keys without work take no memory. Throws 409 when 1000 callers wait for the key. */
export function keyedQueue(): InTurn {
  const lines = new Map<string, { last: Promise<void>; length: number }>();
  return async (key, work) => {
    const line = lines.get(key) ?? { last: Promise.resolve(), length: 0 };
    if (line.length >= MAX_WAITING) throw errors.tooManyConflicts();
    lines.set(key, line);
    line.length += 1;
    const turn = line.last.then(work);
    const ended = (): void => {
      line.length -= 1;
      if (line.length === 0) lines.delete(key);
    };
    // The next in line runs whether or not this one fails; whoever asked for this one is told by `turn`.
    line.last = turn.then(ended, ended);
    return turn;
  };
}

/** Runs at most `places` pieces of work at a time; the others wait in order. */
export function concurrencyLimit(places: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = places;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
