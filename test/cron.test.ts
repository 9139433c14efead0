import { nextMoment } from '../src/cron';
import { secondsOf } from './support/schedules';

/** The next `count` moments after `from`, as ISO times without milliseconds. */
function moments(cron: string, timeZone: string, from: string, count = 3): string[] {
  let at = secondsOf(from);
  return Array.from({ length: count }, () => {
    at = nextMoment(cron, timeZone, at);
    return new Date(at * 1000).toISOString().replace('.000', '');
  });
}

it('takes five fields, and six with the second first', () => {
  expect(moments('*/20 * * * *', 'UTC', '2026-03-01T12:00:00Z')).toEqual([
    '2026-03-01T12:20:00Z',
    '2026-03-01T12:40:00Z',
    '2026-03-01T13:00:00Z',
  ]);
  expect(moments('*/25 * * * * *', 'UTC', '2026-03-01T12:00:00Z')).toEqual([
    '2026-03-01T12:00:25Z',
    '2026-03-01T12:00:50Z',
    '2026-03-01T12:01:00Z',
  ]);
});

it('joins day of month and weekday by "or", as cron does', () => {
  expect(moments('0 0 10 * MON', 'UTC', '2026-03-02T00:00:00Z')).toEqual([
    '2026-03-09T00:00:00Z',
    '2026-03-10T00:00:00Z',
    '2026-03-16T00:00:00Z',
  ]);
});

it('keeps the local time of day over both changes of the clocks', () => {
  expect(moments('0 9 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z', 2)).toEqual([
    '2026-03-28T08:00:00Z',
    '2026-03-29T07:00:00Z',
  ]);
  expect(moments('0 9 * * *', 'America/New_York', '2026-10-31T00:00:00Z', 2)).toEqual([
    '2026-10-31T13:00:00Z',
    '2026-11-01T14:00:00Z',
  ]);
});

it('comes once on the day whose clocks skip its time, and once on the day whose clocks repeat it', () => {
  expect(moments('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
    '2026-03-29T01:00:00Z',
    '2026-03-30T00:30:00Z',
  ]);
  expect(moments('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
    '2026-10-25T00:30:00Z',
    '2026-10-26T01:30:00Z',
  ]);
});

it('goes on at its pace through the hour that the clocks repeat', () => {
  const through = moments('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', 4);
  expect(through).toEqual([
    '2026-10-25T00:30:00Z',
    '2026-10-25T01:00:00Z',
    '2026-10-25T01:30:00Z',
    '2026-10-25T02:00:00Z',
  ]);
});

it.each([
  ['* * * *', 'it has 4 fields'],
  ['* * * * * * 2027', 'it has 7 fields'],
  ['@daily', 'it has 1 fields'],
  ['2026-05-01T00:00:00', 'it has 1 fields'],
  ['61 * * * *', 'Invalid value for minute'],
  ['x * * * *', 'Invalid'],
  ['0 0 30 2 *', 'there is no such moment'],
])("refuses the expression '%s'", (cron, reason) => {
  expect(() => nextMoment(cron, 'UTC', 0)).toThrow(
    expect.objectContaining({
      status: 400,
      message: expect.stringContaining(reason),
      details: expect.objectContaining({ param: 'cron' }),
    }),
  );
});

it.each(['Mars/Olympus', '+02:00', '', 'Europe/'])("refuses the time zone '%s'", (timeZone) => {
  expect(() => nextMoment('* * * * *', timeZone, 0)).toThrow(
    expect.objectContaining({ status: 400, details: expect.objectContaining({ param: 'time_zone' }) }),
  );
});
