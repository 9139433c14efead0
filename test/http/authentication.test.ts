import { createAuthentication, type Credentials } from '../../src/http/authentication';

const apiKeys = new Map([
  ['key-a', 'a'],
  ['key-a2', 'a'],
  ['key-b', 'b'],
]);
const asked: string[] = [];
beforeEach(() => void asked.splice(0));
const ofKey = async (key: string) => {
  asked.push(key);
  return key === 'made' ? ({ tenant: 'c', role: 'user', id: 'key_1' } as const) : undefined;
};
const credentials: Credentials = { apiKeys, ofKey, challenge: 'Bearer realm="test"' };
const authenticate = createAuthentication(credentials);
const callerOf = async (headers: Record<string, string>, given = authenticate) => given(new Headers(headers));

it.each([
  [{ 'api-key': 'key-a' }, 'a'],
  [{ 'api-key': 'key-a2' }, 'a'],
  [{ 'API-Key': ' key-b ' }, 'b'],
  [{ authorization: 'Bearer key-b' }, 'b'],
  [{ authorization: 'bearer   key-b' }, 'b'],
] as [Record<string, string>, string][])('knows the caller by %j, at once and asking nobody', (headers, tenant) => {
  expect(authenticate(new Headers(headers))).toMatchObject({ tenant, role: 'contributor' });
  expect(asked).toEqual([]);
});

it('calls the bearers of keys in the settings by place, and by nothing of the key', async () => {
  expect((await callerOf({ 'api-key': 'key-a' })).id).toBe('API_KEYS:a:1');
  expect((await callerOf({ 'api-key': 'key-a2' })).id).toBe('API_KEYS:a:2');
});

it('asks for the bearer of any other key', async () => {
  expect(await callerOf({ 'api-key': 'made' })).toEqual({ tenant: 'c', role: 'user', id: 'key_1' });
  expect(await callerOf({ authorization: 'Bearer made' })).toMatchObject({ tenant: 'c' });
});

it('goes by api-key where there are both, and does not fall back on the other', async () => {
  expect(await callerOf({ 'api-key': 'key-a', authorization: 'Bearer key-b' })).toMatchObject({ tenant: 'a' });
  const both = callerOf({ 'api-key': 'wrong', authorization: 'Bearer key-b' });
  await expect(both).rejects.toThrow('Incorrect API key provided.');
});

it.each([{}, { authorization: 'Bearer' }, { authorization: 'key-a' }, { authorization: 'Basic key-a' }] as Record<
  string,
  string
>[])('asks for a key where %j has none', async (headers) => {
  await expect(callerOf(headers)).rejects.toMatchObject({
    message: expect.stringContaining("You didn't provide an API key."),
    details: { headers: { 'www-authenticate': 'Bearer realm="test"' } },
  });
});

it.each(['key-', 'key-aa', 'KEY-A', 'a', 'a:key-a'])('refuses the key %j', async (key) => {
  await expect(callerOf({ 'api-key': key })).rejects.toMatchObject({
    message: expect.stringMatching(/^Incorrect API key provided\. .*API_KEYS/),
    details: {
      headers: {
        'www-authenticate': expect.stringMatching(
          /^Bearer realm="test", error="invalid_token", error_description="Incorrect API key provided\.[^"]*"$/,
        ),
      },
    },
  });
});

it('lets nobody in where no keys are configured', async () => {
  const nobody = createAuthentication({ ...credentials, apiKeys: new Map(), ofKey: async () => undefined });
  await expect(callerOf({ 'api-key': 'x' }, nobody)).rejects.toThrow('Incorrect API key provided.');
});

it('verifies what has the form of a token where tokens are accepted, and only from Authorization', async () => {
  const ofToken = async (token: string) => ({ tenant: token, role: 'user', id: 'entra:1' }) as const;
  const withTokens = createAuthentication({ ...credentials, ofToken });
  expect(await callerOf({ authorization: 'Bearer eyJ.a.b' }, withTokens)).toMatchObject({ tenant: 'eyJ.a.b' });
  await expect(callerOf({ 'api-key': 'eyJ.a.b' }, withTokens)).rejects.toThrow('Incorrect API key provided.');
  await expect(callerOf({ authorization: 'Bearer eyJ.a.b' })).rejects.toThrow('ENTRA_TENANT_ID is not set');
  expect(asked).toEqual(['eyJ.a.b']);
});
