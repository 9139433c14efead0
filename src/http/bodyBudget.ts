/** How many bytes of request bodies the process holds in memory at once. */
import { errors } from '../errors';

export interface BodyBudget {
  /** Counts bytes that were read of the request's body. Throws 503 where they are too many beside those of the others; the caller of `release` gives all back. */
  hold(request: Request, bytes: number): void;
  /** The request's bytes are needed no more. */
  release(request: Request): void;
}

/** @param maxBytes Of all requests together. */
export function createBodyBudget(maxBytes: number): BodyBudget {
  const held = new Map<Request, number>();
  let total = 0;
  return {
    hold(request, bytes) {
      if (total + bytes > maxBytes) throw errors.tooManyBodies(maxBytes);
      total += bytes;
      held.set(request, (held.get(request) ?? 0) + bytes);
    },
    release(request) {
      const bytes = held.get(request);
      if (bytes === undefined) return;
      held.delete(request);
      total -= bytes;
    },
  };
}

/** A single body may have a tenth of it. What is parsed from a body takes several times its bytes. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Of this process. */
export const bodyBudget = createBodyBudget(MAX_BYTES);
