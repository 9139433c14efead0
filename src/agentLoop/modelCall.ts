/** A call of the model by a run or a response, which waits where the model asks for patience. */
import { ModelError, type ChatEvent, type ChatModel, type ChatRequest } from '../models/ports';
import { systemClock, type Clock } from '../models/retry';

/** Waits where the service names none: doubled each time, up to a minute. */
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 60_000;
/** Waits are up to a tenth longer, so that runs that wait for the same moment do not all come back at once. */
const SPREAD = 0.1;

/**
 * Streams the model's answer. A 429 that the gateway gave up on is waited out as often as the run's life, until `expiresAt` in Unix seconds, has room for it. Throws
 * ModelError, or the signal's reason. `tenant` is whose limits count; `tellsThoughts` as of {@link ChatModel.stream}.
 */
export async function* patientAnswer(
  { chat, now, sleep = systemClock.sleep }: { chat: ChatModel; now: () => number; sleep?: Clock['sleep'] },
  request: ChatRequest,
  { expiresAt, tenant, tellsThoughts }: { expiresAt: number | null; tenant: string; tellsThoughts?: boolean },
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void, void> {
  for (let tries = 1; ; tries += 1) {
    let hasBegun = false;
    try {
      for await (const event of chat.stream(request, signal, tenant, tellsThoughts)) {
        hasBegun = true;
        yield event;
      }
      return;
    } catch (error) {
      const wait = hasBegun ? undefined : waitFor(error, tries);
      if (wait === undefined || (expiresAt !== null && now() + wait >= expiresAt * 1000)) throw error;
      signal.throwIfAborted();
      await sleep(wait, signal);
    }
  }
}

/** Milliseconds; undefined where waiting does not help. */
function waitFor(error: unknown, tries: number): number | undefined {
  if (!(error instanceof ModelError) || error.kind !== 'rate_limited') return undefined;
  // A quota that is used up comes back in days.
  if (error.code === 'insufficient_quota') return undefined;
  const seconds = error.retryAfterSeconds;
  const wait =
    seconds === undefined ? Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1)) : Math.max(1, seconds) * 1000;
  return wait * (1 + Math.random() * SPREAD);
}
