/** Schedules of timer triggers: NCRONTAB expressions and fixed periods. */
import { Cron } from 'croner';

export interface TimerSchedule {
  /** The first moment after `from`, both in milliseconds since 1970; undefined if there is none. */
  next(from: number): number | undefined;
  /** Whether it comes more often than once a minute. */
  isFasterThanAMinute: boolean;
}

/**
 * Reads `sec min hour day month weekday`, five fields from the minute on, or a period `[d.]hh:mm:ss`. `timeZone` (IANA name) defaults to
 * the machine's. Throws an Error that says what is wrong.
 */
export function parseTimerSchedule(text: string, timeZone?: string): TimerSchedule {
  const period = /^(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})$/.exec(text.trim());
  if (period) {
    const [days = 0, hours = 0, minutes = 0, seconds = 0] = period.slice(1).map((part) => Number(part ?? 0));
    const milliseconds = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
    if (milliseconds === 0) throw new Error(`'${text}' is not a period.`);
    return { next: (from) => from + milliseconds, isFasterThanAMinute: milliseconds < 60_000 };
  }
  return cronSchedule(text, timeZone);
}

function cronSchedule(text: string, timeZone: string | undefined): TimerSchedule {
  const fields = text.trim().split(/\s+/);
  // croner knows more than NCRONTAB; what the real host would refuse must not work here.
  const weekday = fields.at(-1) ?? '';
  if (/[?LW#@+]/.test(text.replace(/[a-z]{2,}/gi, '')) || /\b7\b/.test(weekday.replace(/\/\d+/g, ''))) {
    throw new Error(`'${text}' is not an NCRONTAB expression.`);
  }
  const cron = new Cron(text, { paused: true, mode: '5-or-6-parts', domAndDow: true, timezone: timeZone });
  const next = (from: number) => cron.nextRun(new Date(from))?.getTime();
  return { next, isFasterThanAMinute: isFaster(next) };
}

/** Looks at the gaps between the next occurrences. */
function isFaster(next: TimerSchedule['next']): boolean {
  let at = next(Date.now());
  for (let count = 0; at !== undefined && count < 5; count++) {
    const following = next(at);
    if (following !== undefined && following - at < 60_000) return true;
    at = following;
  }
  return false;
}
