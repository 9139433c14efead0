/** Cron expressions in a time zone. */
import { Cron } from 'croner';
import { errors } from './errors';

/**
 * The first moment after `from` (both Unix seconds) that the expression names. Day of month and weekday are joined by "or" where both are given, as cron
 * has it. What a fixed time of day names comes once a day: in the missing hour of a change of clocks it comes when that is over, in the repeated one the
 * first time. Throws 400 for an expression that is none or names no moment, and for an unknown time zone.
 */
export function nextMoment(cron: string, timeZone: string, from: number): number {
  checkTimeZone(timeZone);
  // croner takes dates and nicknames too.
  const count = cron.trim().split(/\s+/).length;
  if (count !== 5 && count !== 6) throw invalidCron(`it has ${count} fields, and takes 5, or 6 with the second first`);
  const next = parsed(cron, timeZone).nextRun(new Date(from * 1000));
  if (!next) throw invalidCron('there is no such moment');
  return next.getTime() / 1000;
}

function parsed(cron: string, timeZone: string): Cron {
  try {
    return new Cron(cron, { paused: true, mode: '5-or-6-parts', timezone: timeZone });
  } catch (error) {
    throw invalidCron(error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error));
  }
}

const invalidCron = (reason: string) =>
  errors.invalidParameter(`Invalid 'cron': ${reason.replace(/\.$/, '')}.`, 'invalid_value', 'cron');

function checkTimeZone(timeZone: string): void {
  try {
    // Offsets are taken here too, but by croner only as names.
    if (/^[a-z]/i.test(timeZone) && new Intl.DateTimeFormat('en', { timeZone })) return;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw errors.invalidParameter(
    "Invalid 'time_zone': it takes an IANA name such as 'Europe/Berlin' or 'UTC'.",
    'invalid_value',
    'time_zone',
  );
}
