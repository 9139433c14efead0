/** Content that arrives in a form: it is stored while the form is still read, and kept only if the whole form is fine. */
import type { Readable } from 'node:stream';
import { ApiError } from '../errors';

/** Takes the content while it arrives. `filename`: '' where it has none. */
export type TakeContent<T> = (content: Readable, filename: string) => Promise<T>;

interface Storing<T> {
  /** Stores the content. */
  store: TakeContent<T>;
  /** Deletes what was stored; does nothing where nothing was. */
  discard: () => Promise<void>;
}

/**
 * Has `receive` read a form, which hands the content on as it arrives, and `finish` make of it what it is for. Throws what either of them or `store` throws;
 * nothing of what was refused stays.
 */
export async function receiveContent<T, R, F>(
  { store, discard }: Storing<T>,
  receive: (take: TakeContent<T>) => Promise<R>,
  finish: (received: R) => Promise<F>,
): Promise<F> {
  let isBegun = false;
  // Kept here, because the reader of the form may have ended, or met the end of its stream, before it hears of the refusal.
  let refusal: unknown;
  const take: TakeContent<T> = async (content, filename) => {
    isBegun = true;
    try {
      return await store(content, filename);
    } catch (error) {
      refusal = error;
      throw error;
    }
  };
  try {
    const received = await receive(take);
    if (refusal) throw refusal;
    return await finish(received);
  } catch (error) {
    if (isBegun) await discard();
    throw refusal instanceof ApiError ? refusal : error;
  }
}
