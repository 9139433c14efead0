import { createHmac, createPublicKey, randomUUID } from 'node:crypto';
import { entraKeys } from '../../src/adapters/entraKeys';
import { readEntra } from '../../src/entraSettings';
import { isToken } from '../../src/http/authentication';
import { accessTokens } from '../../src/identity/accessTokens';
import type { Principal } from '../../src/principal';
import { AUDIENCE, ENTRA_TENANT, startEntraIssuer, type EntraIssuer } from '../support/entraIssuer';

const HOUR = 3_600_000;
let entra: EntraIssuer;
let clock: number;
let faults: string[];
beforeEach(async () => {
  entra = await startEntraIssuer();
  clock = Date.now();
  faults = [];
});
afterEach(async () => entra.close());

/** A verifier as the app wires it, with settings beside those of the issuer. */
function verifier(env: Record<string, string> = {}): (token: string) => Promise<Principal> {
  const settings = readEntra({ ...entra.env, ...env });
  if (!settings) throw new Error('There are no settings.');
  const now = () => clock;
  const keys = entraKeys({ ...settings, now, logFault: (message) => void faults.push(message) });
  return accessTokens({ settings, keys, now });
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const unauthorized = (message: string) => ({
  status: 401,
  message: `The access token is not accepted. ${message}`,
  details: { code: 'invalid_token' },
});

describe('A token', () => {
  it('that is right lets its bearer in, by either version of the issuer', async () => {
    const verify = verifier();
    const oid = randomUUID();
    const principal = { tenant: 'default', role: 'contributor', id: `entra:${oid}` };
    expect(await verify(await entra.token({ claims: { oid } }))).toEqual(principal);
    const v1 = { oid, iss: `https://sts.windows.net/${ENTRA_TENANT}/`, azp: undefined, appid: randomUUID() };
    expect(await verify(await entra.token({ claims: v1 }))).toEqual(principal);
  });

  it('is refused once it has expired, but for a minute of skew', async () => {
    const verify = verifier();
    const token = await entra.token({ expiresIn: 600 });
    clock += 650_000;
    expect((await verify(token)).role).toBe('contributor');
    clock += 20_000;
    await expect(verify(token)).rejects.toMatchObject(unauthorized('It has expired.'));
  });

  it('is refused before its time, but for a minute of skew', async () => {
    const verify = verifier();
    const at = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
    expect((await verify(await entra.token({ claims: { nbf: at(50) } }))).role).toBe('contributor');
    const early = await entra.token({ claims: { nbf: at(120) } });
    await expect(verify(early)).rejects.toMatchObject(unauthorized('It is not valid yet.'));
  });

  it('for another audience is refused', async () => {
    const token = await entra.token({ claims: { aud: 'https://graph.microsoft.com' } });
    await expect(verifier()(token)).rejects.toMatchObject(unauthorized('Its audience is not one of ENTRA_AUDIENCE.'));
  });

  it.each([
    ['of another Entra tenant, whose keys are the same', (authority: string) => `${authority}/${randomUUID()}/v2.0`],
    ['of nobody', () => 'https://issuer.example/'],
  ])('of the issuer %s is refused', async (_which, issuerAt) => {
    const iss = issuerAt(entra.authority);
    const token = await entra.token({ claims: { iss } });
    await expect(verifier()(token)).rejects.toMatchObject(
      unauthorized(`'${iss}' is not an issuer of the Entra tenant.`),
    );
  });

  it('whose claim names another Entra tenant is refused', async () => {
    const token = await entra.token({ claims: { tid: randomUUID() } });
    await expect(verifier()(token)).rejects.toMatchObject(unauthorized('It is of another Entra tenant.'));
  });

  it('without a signature (alg none) is refused', async () => {
    const [, payload = ''] = (await entra.token()).split('.');
    for (const alg of ['none', 'None', 'NONE']) {
      const token = `${part({ alg, typ: 'JWT' })}.${payload}.`;
      expect(isToken(token)).toBe(true);
      await expect(verifier()(token)).rejects.toMatchObject({ status: 401, details: { code: 'invalid_token' } });
    }
  });

  it('signed by HMAC with the public key as secret is refused', async () => {
    const [jwk] = entra.keySet().keys;
    if (!jwk) throw new Error('No key is published.');
    const [, payload = ''] = (await entra.token()).split('.');
    const publicKey = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      jwk.n ?? '',
    ];
    for (const secret of secrets) {
      const signed = `${part({ alg: 'HS256', typ: 'JWT', kid: jwk.kid })}.${payload}`;
      const signature = createHmac('sha256', secret).update(signed).digest('base64url');
      await expect(verifier()(`${signed}.${signature}`)).rejects.toMatchObject(
        unauthorized('It must be signed by RS256.'),
      );
    }
  });

  it('that was changed, or signed by another key under the name of a published one, is refused', async () => {
    const verify = verifier();
    const [header = '', payload = '', signature = ''] = (await entra.token()).split('.');
    const claims: object = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const changed = `${header}.${part({ ...claims, oid: randomUUID() })}.${signature}`;
    await expect(verify(changed)).rejects.toMatchObject(unauthorized('Its signature or its form is wrong.'));
    const [old] = entra.keySet().keys;
    await entra.rotate();
    const forged = await entra.token({ kid: old?.kid });
    await expect(verify(forged)).rejects.toMatchObject(unauthorized('Its signature or its form is wrong.'));
  });

  it('for signing in (an ID token: no application is named) is no access token', async () => {
    const token = await entra.token({ claims: { azp: undefined } });
    await expect(verifier()(token)).rejects.toMatchObject(
      unauthorized("It lacks 'appid or azp', so it is no access token."),
    );
  });

  it('that lacks a claim is refused by its name', async () => {
    const verify = verifier();
    await expect(verify(await entra.token({ claims: { exp: undefined } }))).rejects.toMatchObject(
      unauthorized("Its claim 'exp' is missing or wrong."),
    );
    await expect(verify(await entra.token({ claims: { oid: undefined } }))).rejects.toMatchObject(
      unauthorized("It lacks 'oid', so it is no access token."),
    );
    await expect(verify(await entra.token({ claims: { iss: undefined } }))).rejects.toMatchObject(
      unauthorized("It lacks the claim 'iss'."),
    );
  });

  it.each(['eyJ.eyJ.', 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.AA', 'eyJhbGciOiJSUzI1NiJ9.bm90anNvbg.AA'])(
    'that is none, %s, is refused and no fault',
    async (token) => {
      await expect(verifier()(token)).rejects.toMatchObject({ status: 401 });
    },
  );
});

describe('Keys', () => {
  it('are fetched with the first token and not again', async () => {
    const verify = verifier();
    expect(entra.requests).toBe(0);
    await Promise.all(Array.from({ length: 20 }, async () => verify(await entra.token())));
    const { requests } = entra;
    expect(requests).toBe(4);
    clock += 0.9 * HOUR;
    await verify(await entra.token({ expiresIn: 2 * 3600 }));
    expect(entra.requests).toBe(requests);
  });

  it('that are new are known at once, and the old one goes on as long as it is published', async () => {
    const verify = verifier();
    const before = await entra.token({ expiresIn: 5 * 3600 });
    await verify(before);
    await entra.rotate();
    await verify(await entra.token());
    await verify(before);

    await entra.rotate({ keepOld: false });
    clock += 11_000;
    await verify(await entra.token());
    await expect(verify(before)).rejects.toMatchObject(unauthorized('Nobody publishes the key it is signed by.'));
  });

  it('that are withdrawn are dropped within two hours, though no new one is asked for', async () => {
    const verify = verifier();
    const token = await entra.token({ expiresIn: 5 * 3600 });
    await verify(token);
    await entra.rotate({ keepOld: false });
    await verify(token);
    clock += 1.1 * HOUR;
    // The refresh goes on behind this one.
    const { requests } = entra;
    await verify(token);
    const refused = async (): Promise<boolean> =>
      verify(token).then(
        () => false,
        () => true,
      );
    while (!(await refused())) await new Promise((resolve) => setImmediate(resolve));
    expect(entra.requests).toBeLessThanOrEqual(requests + 8);
  });

  it('that are made up do not send for new ones more than once in ten seconds', async () => {
    const verify = verifier();
    await verify(await entra.token());
    const { requests } = entra;
    const flood = async () => {
      const tokens = Array.from({ length: 50 }, async () => entra.token({ kid: randomUUID() }));
      const answers = await Promise.allSettled(tokens.map(async (token) => verify(await token)));
      expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
    };
    await flood();
    await flood();
    expect(entra.requests).toBe(requests + 4);
    clock += 10_000;
    await flood();
    expect(entra.requests).toBe(requests + 8);
    expect((await verify(await entra.token())).role).toBe('contributor');
  });

  it('go on for a day while the authority is down, and then the answer is 503 that names it', async () => {
    const verify = verifier();
    const token = await entra.token({ expiresIn: 48 * 3600 });
    await verify(token);
    entra.isUp = false;
    for (let hours = 0; hours < 23; hours += 1) {
      clock += HOUR;
      expect((await verify(token)).role).toBe('contributor');
    }
    await expect(verify(await entra.token({ kid: randomUUID(), expiresIn: 48 * 3600 }))).rejects.toMatchObject({
      status: 401,
    });
    expect(faults).toContain('The keys of Entra ID cannot be refreshed; the old ones go on.');
    clock += HOUR;
    await expect(verify(token)).rejects.toMatchObject({
      status: 503,
      message: expect.stringContaining(entra.authority),
    });
    entra.isUp = true;
    clock += 5_000;
    expect((await verify(token)).role).toBe('contributor');
  });

  it('that are new are known though the clock was set back', async () => {
    const verify = verifier();
    clock += HOUR / 2;
    await verify(await entra.token());
    await expect(verify(await entra.token({ kid: randomUUID() }))).rejects.toMatchObject({ status: 401 });
    clock -= HOUR / 2;
    await entra.rotate();
    expect((await verify(await entra.token())).role).toBe('contributor');
  });

  it('that were never had are 503, and a dead authority is asked every five seconds only', async () => {
    const verify = verifier();
    entra.isUp = false;
    const token = await entra.token();
    await expect(verify(token)).rejects.toMatchObject({ status: 503 });
    const { requests } = entra;
    for (let times = 0; times < 10; times += 1) await expect(verify(token)).rejects.toMatchObject({ status: 503 });
    expect(entra.requests).toBe(requests);
    entra.isUp = true;
    clock += 5_000;
    expect((await verify(token)).role).toBe('contributor');
  });
});

describe('A bearer', () => {
  const [person, group, application] = [randomUUID(), randomUUID(), randomUUID()];
  const COGNITIVE = 'https://cognitiveservices.azure.com';
  const rules = [
    { object_id: person, tenant: 'team-a' },
    { app_id: application.toUpperCase(), tenant: 'team-b', role: 'contributor' },
    { group_id: group, tenant: 'team-c', role: 'user' },
    { app_role: 'Team.D', tenant: 'team-d', role: 'user' },
  ];
  const env = { ENTRA_PRINCIPALS: JSON.stringify(rules), ENTRA_AUDIENCE: `${AUDIENCE},${COGNITIVE}/` };
  const bearerOf = async (claims: Record<string, unknown>) => verifier(env)(await entra.token({ claims }));
  const refused = { status: 403, details: { code: 'PermissionDenied' } };

  it.each([
    ['named by object id, with the role of the token', { oid: person, roles: ['OpenAI.User'] }, 'team-a', 'user'],
    ['named by application id', { azp: application, roles: undefined }, 'team-b', 'contributor'],
    ['named by group', { groups: [randomUUID(), group], roles: undefined }, 'team-c', 'user'],
    ['named by an app role of one’s own', { roles: ['Team.D'] }, 'team-d', 'user'],
    ['named by no rule, with a role', { roles: ['OpenAI.User'] }, 'default', 'user'],
    ['with both roles', { roles: ['OpenAI.User', 'OpenAI.Contributor'] }, 'default', 'contributor'],
    ['named twice, by the first rule', { azp: application, roles: ['Team.D'] }, 'team-b', 'contributor'],
    ['that is a user, within the scope', { scp: 'openid OpenAI.User' }, 'default', 'user'],
    ['that is a user, with all that they may', { scp: 'user_impersonation' }, 'default', 'contributor'],
    [
      'of Microsoft’s audience, named by object id',
      { aud: COGNITIVE, azp: application, roles: undefined },
      'team-b',
      'contributor',
    ],
  ])('%s is %j', async (_who, claims, tenant, role) => {
    expect(await bearerOf(claims)).toMatchObject({ tenant, role });
  });

  it.each([
    ['without a role', { roles: undefined }],
    ['with roles of other apps alone', { roles: ['Files.Read'] }],
    ['that a rule gives a tenant and nobody a role', { oid: person, roles: undefined }],
    ['that is a user without a role, whatever the scope', { scp: 'user_impersonation', roles: undefined }],
    ['that is a user whose application was granted other scopes', { scp: 'openid profile' }],
    ['that is any user of a named application', { scp: 'user_impersonation', azp: application, roles: undefined }],
    ['of Microsoft’s audience, not named', { aud: COGNITIVE, roles: undefined }],
    ['of Microsoft’s audience, with roles that cannot be ours', { aud: COGNITIVE, roles: ['OpenAI.Contributor'] }],
    ['of Microsoft’s audience, named by group alone', { aud: COGNITIVE, roles: undefined, groups: [group] }],
  ])('%s may do nothing', async (_who, claims) => {
    await expect(bearerOf(claims)).rejects.toMatchObject(refused);
  });

  it('of Microsoft’s audience is refused where that is not listed, named or not', async () => {
    const token = await entra.token({ claims: { aud: COGNITIVE, azp: application } });
    await expect(verifier({ ENTRA_PRINCIPALS: env.ENTRA_PRINCIPALS })(token)).rejects.toMatchObject({ status: 401 });
  });
});
