/** Read, decide, write on condition, and again when another writer came first. */
import { setTimeout as sleep } from 'node:timers/promises';
import { errors } from '../errors';
import { ConflictError } from './ports';

const MAX_TRIES = 12;

/** Runs `attempt` until it no longer meets a {@link ConflictError}; waits a little longer each time. Throws 409 after 12 tries. */
export async function withRetries<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (tries === MAX_TRIES) throw errors.tooManyConflicts();
      await sleep(Math.random() * 5 * tries);
    }
  }
}
