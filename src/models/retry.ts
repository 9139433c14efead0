/** When a failed call to a model service is tried again, and after how long. The clock is handed in. */
import { setTimeout as delay } from 'node:timers/promises';

/** Limits of the retries of one call. All times are milliseconds. */
export interface RetryPolicy {
  /** Calls in all, the first included. */
  tries: number;
  /** No call begins later than this after the first one began. */
  budgetMs: number;
  /** Wait before the second call where the service names none; doubled for each further one. */
  baseDelayMs: number;
  maxDelayMs: number;
  /** The longest wait that the service may ask for. A longer one ends the retries: coming back earlier would be refused again. */
  maxRetryAfterMs: number;
}

/** Leaves room for one wait of a minute, which is what quotas counted per minute ask for. */
export const defaultRetryPolicy: RetryPolicy = {
  tries: 4,
  budgetMs: 120_000,
  baseDelayMs: 500,
  maxDelayMs: 8_000,
  maxRetryAfterMs: 60_000,
};

/** Share by which a wait that the service asked for may be longer. */
const ASKED_JITTER = 0.1;

/** Time and chance, so that tests can hold both. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** From 0 up to, not including, 1. */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, { signal });
    } catch (error) {
      // The timer rejects with an AbortError of its own.
      signal?.throwIfAborted();
      throw error;
    }
  },
  random: () => Math.random(),
};

/** That a call may be tried again, and the wait in milliseconds that the service asked for, if it did. */
export interface RetryHint {
  afterMs?: number;
}

/**
 * Milliseconds to wait before the next call, or undefined if there is to be none. Where the service asks for no wait, or names a time that is over, it is exponential
 * with jitter: between half and the whole of the doubled delay. A wait that the service asks for is never shorter, but up to a tenth longer, so that those who were
 * refused together do not come back together.
 *
 * @param failed Calls that have failed so far, from 1.
 * @param elapsedMs Time since the first call began.
 * @param random From 0 to 1.
 */
export function retryDelay(
  policy: RetryPolicy,
  failed: number,
  elapsedMs: number,
  hint: RetryHint,
  random: number,
): number | undefined {
  if (failed >= policy.tries) return undefined;
  if (hint.afterMs !== undefined && hint.afterMs > policy.maxRetryAfterMs) return undefined;
  const backoff = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (failed - 1)) * (0.5 + random / 2);
  const wait = hint.afterMs || backoff;
  const left = policy.budgetMs - elapsedMs;
  if (wait > left) return undefined;
  return hint.afterMs ? Math.min(left, wait * (1 + random * ASKED_JITTER)) : wait;
}

/**
 * The wait in milliseconds that an answer's headers ask for: `retry-after-ms`, or `retry-after` in seconds or as a date. Undefined if there is
 * none that can be read.
 *
 * @param now Unix milliseconds.
 */
export function readRetryAfter(
  headers: Record<string, string | string[] | undefined>,
  now: number,
): number | undefined {
  const first = (name: string) => [headers[name]].flat()[0]?.trim();
  const milliseconds = first('retry-after-ms');
  if (milliseconds && /^\d+(\.\d+)?$/.test(milliseconds)) return Number(milliseconds);
  const value = first('retry-after');
  if (!value) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
