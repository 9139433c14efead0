import { readArguments } from '../../../src/localHost/keys/arguments';

const NOW = Date.UTC(2026, 10, 26);
const DAY = 86_400;

it('reads the tenant, the role and when a key expires', () => {
  const create = (...args: string[]) => readArguments(['create', '--tenant', 'a', ...args], NOW);
  expect(create()).toEqual({ name: 'create', tenant: 'a', role: 'contributor', expiresAt: null });
  expect(create('--role', 'user', '--expires', '90d')).toMatchObject({
    role: 'user',
    expiresAt: NOW / 1000 + 90 * DAY,
  });
  expect(create('--expires', '12h')).toMatchObject({ expiresAt: NOW / 1000 + DAY / 2 });
  expect(create('--expires', '2027-06-30')).toMatchObject({ expiresAt: Date.UTC(2027, 5, 30) / 1000 });
  expect(create('--expires', '2028-02-29T12:00:00Z')).toMatchObject({ expiresAt: Date.UTC(2028, 1, 29, 12) / 1000 });
});

it('reads the other commands', () => {
  expect(readArguments(['list'], NOW)).toEqual({ name: 'list', tenant: undefined });
  expect(readArguments(['list', '--tenant', 'a'], NOW)).toEqual({ name: 'list', tenant: 'a' });
  expect(readArguments(['revoke', 'key_1'], NOW)).toEqual({ name: 'revoke', id: 'key_1' });
  expect(readArguments(['--help'], NOW)).toEqual({ name: 'help' });
});

it.each([
  [[], 'The command is create, list or revoke'],
  [['create'], 'create needs --tenant.'],
  [['create', '--tenant', 'a b'], '--tenant takes 1 to 64 letters'],
  [['create', '--tenant', 'a', '--role', 'owner'], '--role takes user or contributor.'],
  [['create', '--tenant', 'a', '--expires', '2026-11-26'], '--expires takes 90d'],
  [['create', '--tenant', 'a', '--expires', '2027-02-31x'], '--expires takes 90d'],
  [['create', '--tenant', 'a', '--expires', 'soon'], '--expires takes 90d'],
  [['create', '--tenant', 'a', '--expires', '2027-02-31'], '--expires takes 90d'],
  [['create', '--tenant', 'a', '--expires', '2027-13-01'], '--expires takes 90d'],
  [['create', '--tenant', 'a', '--tenant', 'b'], '--tenant is given twice.'],
  [['create', '--tenant', 'a', 'b'], "'b' is not expected."],
  [['list', '--role', 'user'], '--role has no meaning for this command.'],
  [['revoke'], 'revoke needs the id of a key'],
  [['revoke', 'key_1', '--tenant', 'a'], '--tenant has no meaning for this command.'],
  [['--what'], 'Unknown option'],
])('refuses %j', (args, message) => {
  expect(() => readArguments(args, NOW)).toThrow(message);
});
