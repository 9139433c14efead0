/** How many bytes of request bodies the process holds in memory at once. */
import { errors } from '../errors';

export interface BodyBudget {
  /** Counts bytes that were read of the request's body. Throws 503 where they are too many beside those of the others; the caller of `end` gives all back. */
  hold(request: Request, bytes: number): void;
  /** `work` needs the request's bytes until it has settled, though the request may be over before: a stream begins without its answer where that takes long. */
  retain(request: Request, work: Promise<unknown>): void;
  /** The request is over: gives its bytes back, once no work needs them. */
  end(request: Request): void;
  /** Gives the request's bytes back at once: they are held no more, whatever goes on. */
  release(request: Request): void;
}

/** @param maxBytes Of all requests together. */
export function createBodyBudget(maxBytes: number): BodyBudget {
  const held = new Map<Request, Held>();
  let total = 0;
  const release = (request: Request): void => {
    total -= held.get(request)?.bytes ?? 0;
    held.delete(request);
  };
  return {
    hold(request, bytes) {
      if (total + bytes > maxBytes) throw errors.tooManyBodies(maxBytes);
      total += bytes;
      const known = held.get(request);
      if (known) known.bytes += bytes;
      else held.set(request, { bytes, works: 0, isOver: false });
    },
    retain(request, work) {
      const known = held.get(request);
      if (!known) return;
      known.works += 1;
      const settled = (): void => {
        known.works -= 1;
        if (known.isOver && known.works === 0) release(request);
      };
      work.then(settled, settled);
    },
    end(request) {
      const known = held.get(request);
      if (!known) return;
      known.isOver = true;
      if (known.works === 0) release(request);
    },
    release,
  };
}

interface Held {
  bytes: number;
  /** Work under way that needs them. */
  works: number;
  /** The request is. */
  isOver: boolean;
}

/** A single body may have a tenth of it. What is parsed from a body takes several times its bytes. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Of this process. */
export const bodyBudget = createBodyBudget(MAX_BYTES);
