import { authenticate } from '../../src/http/authentication';

const keys = new Map([
  ['key-a', 'a'],
  ['key-a2', 'a'],
  ['key-b', 'b'],
]);
const tenantOf = (headers: Record<string, string>) => authenticate(new Headers(headers), keys);

it.each([
  [{ 'api-key': 'key-a' }, 'a'],
  [{ 'api-key': 'key-a2' }, 'a'],
  [{ 'API-Key': ' key-b ' }, 'b'],
  [{ authorization: 'Bearer key-b' }, 'b'],
  [{ authorization: 'bearer   key-b' }, 'b'],
] as [Record<string, string>, string][])('knows the tenant by %j', (headers, tenant) => {
  expect(tenantOf(headers)).toBe(tenant);
});

it('goes by api-key where there are both, and does not fall back on the token', () => {
  expect(tenantOf({ 'api-key': 'key-a', authorization: 'Bearer key-b' })).toBe('a');
  expect(() => tenantOf({ 'api-key': 'wrong', authorization: 'Bearer key-b' })).toThrow('Incorrect API key provided.');
});

it.each([{}, { authorization: 'Bearer' }, { authorization: 'key-a' }, { authorization: 'Basic key-a' }] as Record<
  string,
  string
>[])('asks for a key where %j has none', (headers) => {
  expect(() => tenantOf(headers)).toThrow("You didn't provide an API key.");
});

it.each(['key-', 'key-aa', 'KEY-A', 'a', 'a:key-a'])('refuses the key %j', (key) => {
  expect(() => tenantOf({ 'api-key': key })).toThrow('Incorrect API key provided.');
});

it('lets nobody in where no keys are configured', () => {
  expect(() => authenticate(new Headers({ 'api-key': 'x' }), new Map())).toThrow('Incorrect API key provided.');
});
