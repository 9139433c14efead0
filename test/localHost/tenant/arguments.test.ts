import { UsageError } from '../../../src/localHost/commandLine';
import { readArguments } from '../../../src/localHost/tenant/arguments';

const now = Date.parse('2026-11-26T13:00:00Z');
const read = (...argv: string[]) => readArguments(argv, now);

it('reads the commands', () => {
  expect(read('export', '--tenant', 'team-a', '--to', 'folder')).toEqual({
    name: 'export',
    tenant: 'team-a',
    folder: 'folder',
  });
  expect(read('delete', '--tenant', 'team-a')).toEqual({ name: 'delete', tenant: 'team-a', isConfirmed: false });
  expect(read('delete', '--tenant', 'team-a', '--yes')).toMatchObject({ isConfirmed: true });
  expect(read('usage', '--tenant', 'team-a')).toMatchObject({ start: '2026-10-27', end: '2026-11-26' });
  expect(read('usage', '--tenant', 'a', '--from', '2026-01-01', '--until', '2026-01-31')).toMatchObject({
    start: '2026-01-01',
    end: '2026-01-31',
  });
  expect(read('--help')).toEqual({ name: 'help' });
});

it.each([
  [[], 'The command is export, delete or usage'],
  [['remove', '--tenant', 'a'], 'The command is export, delete or usage'],
  [['export', '--to', 'x'], 'export needs --tenant'],
  [['export', '--tenant', 'a'], 'export needs --to'],
  [['export', '--tenant', 'a', '--to', 'x', '--yes'], '--yes has no meaning'],
  [['delete', '--tenant', 'a/b'], '--tenant takes'],
  [['delete', '--tenant', 'a', 'b'], "'b' is not expected"],
  [['delete', '--tenant', 'a', '--tenant', 'b'], '--tenant is given twice.'],
  [['delete', '--tenant', 'a', '--from', '2026-01-01'], '--from has no meaning'],
  [['usage', '--tenant', 'a', '--from', 'monday'], '--from takes a date'],
  [['usage', '--tenant', 'a', '--from', '2026-02-01', '--until', '2026-01-01'], '--from must be a day'],
  [['usage', '--tenant', 'a', '--all'], 'all'],
])('tells what is wrong with %j', (argv, message) => {
  expect(() => read(...argv)).toThrow(UsageError);
  expect(() => read(...argv)).toThrow(message);
});
