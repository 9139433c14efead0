import { readEntra } from '../src/entraSettings';

const id = 'AAAAAAAA-2222-3333-4444-555555555555';
const given = { ENTRA_TENANT_ID: id, ENTRA_AUDIENCE: 'api://x/ , client' };

it('accepts no tokens where nothing is set', () => {
  expect(readEntra({})).toBeUndefined();
});

it('reads audiences without slashes at their end, ids in lower case, and the public cloud as authority', () => {
  const ENTRA_PRINCIPALS = JSON.stringify([{ object_id: id, tenant: 'a', role: 'user' }]);
  expect(readEntra({ ...given, ENTRA_PRINCIPALS })).toEqual({
    authority: 'https://login.microsoftonline.com',
    tenantId: id.toLowerCase(),
    audiences: ['api://x', 'client'],
    principals: [{ kind: 'object_id', value: id.toLowerCase(), tenant: 'a', role: 'user' }],
  });
  expect(readEntra({ ...given, ENTRA_AUTHORITY: 'https://login.microsoftonline.us/' })?.authority).toBe(
    'https://login.microsoftonline.us',
  );
});

it.each([
  [{ ENTRA_TENANT_ID: 'common' }, "ENTRA_TENANT_ID: must be the directory's (tenant's) id, a GUID."],
  [{ ENTRA_TENANT_ID: undefined }, 'ENTRA_AUDIENCE: has no meaning without ENTRA_TENANT_ID.'],
  [{ ENTRA_AUDIENCE: ' , ' }, 'ENTRA_AUDIENCE: must be audiences joined by commas'],
  [{ ENTRA_AUDIENCE: 'https://ai.azure.com/' }, 'ENTRA_AUDIENCE: lists audiences of Microsoft only'],
  [{ ENTRA_AUTHORITY: 'http://login.example' }, 'ENTRA_AUTHORITY: must be an https address without a path'],
  [{ ENTRA_AUTHORITY: 'https://login.example/x' }, 'ENTRA_AUTHORITY: must be an https address without a path'],
  [{ ENTRA_PRINCIPALS: '{"a":1}' }, 'ENTRA_PRINCIPALS: must be a list.'],
  [
    { ENTRA_PRINCIPALS: '[{"tenant":"a"}]' },
    'ENTRA_PRINCIPALS: 0 must have one of object_id, app_id, group_id and app_role.',
  ],
  [{ ENTRA_PRINCIPALS: '[{"object_id":"x","tenant":"a"}]' }, 'ENTRA_PRINCIPALS: 0.object_id must be a GUID.'],
  [
    { ENTRA_PRINCIPALS: '[{"app_role":"x","tenant":"a","role":"owner"}]' },
    'ENTRA_PRINCIPALS: 0.role must be user or contributor.',
  ],
  [{ ENTRA_PRINCIPALS: '[{"app_role":"x","tenant":"a b"}]' }, 'ENTRA_PRINCIPALS: 0.tenant must be 1 to 64 letters'],
])('refuses %j', (wrong, message) => {
  expect(() => readEntra({ ...given, ...wrong })).toThrow(message);
});
