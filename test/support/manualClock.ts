import type { Clock } from '../../src/models/retry';

/** A clock that moves only when something sleeps, and then at once. */
export interface ManualClock extends Clock {
  /** Unix milliseconds; tests may set it. */
  time: number;
  /** What was slept, in milliseconds. */
  sleeps: number[];
}

/** @param random What `random` always gives. */
export function manualClock(random = 0): ManualClock {
  const clock: ManualClock = {
    time: Date.UTC(2026, 0, 1),
    sleeps: [],
    now: () => clock.time,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      clock.sleeps.push(ms);
      clock.time += ms;
    },
    random: () => random,
  };
  return clock;
}
