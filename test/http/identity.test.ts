/** Callers with access tokens of Entra ID, against a host that trusts an issuer of the test. */
import { randomUUID } from 'node:crypto';
import OpenAI, { AzureOpenAI } from 'openai';
import { families } from '../../src/functions/families';
import { mayDo } from '../../src/principal';
import { AUDIENCE, ENTRA_TENANT, startEntraIssuer, type EntraIssuer } from '../support/entraIssuer';
import { startHost, type Host } from '../support/host';

const [teamA, teamB] = [randomUUID(), randomUUID()];
const AI = 'https://ai.azure.com';
const principals = [
  { object_id: teamA, tenant: 'alpha', role: 'contributor' },
  { object_id: teamB, tenant: 'team-b', role: 'contributor' },
];
const operations = families.flatMap((family) => family.operations);

let entra: EntraIssuer;
let host: Host;
beforeAll(async () => {
  entra = await startEntraIssuer();
  const env = {
    ...entra.env,
    ENTRA_AUDIENCE: `${AUDIENCE},${AI}`,
    ENTRA_PRINCIPALS: JSON.stringify(principals),
  };
  host = await startHost({ env });
}, 60_000);
afterAll(async () => {
  await host.stop();
  await entra.close();
});

const client = (token: () => Promise<string>): AzureOpenAI =>
  new AzureOpenAI({
    endpoint: host.url,
    azureADTokenProvider: token,
    apiVersion: '2025-04-01-preview',
    maxRetries: 0,
  });
const clientOf = (claims: Record<string, unknown>) => client(async () => entra.token({ claims }));
const send = async (path: string, token: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${host.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });

it('AzureOpenAI with azureADTokenProvider works as with a key', async () => {
  const azure = clientOf({});
  const assistant = await azure.beta.assistants.create({ model: 'local-extractive' });
  const run = await azure.beta.threads.createAndRunPoll({ assistant_id: assistant.id, model: 'local-extractive' });
  expect(run.status).toBe('completed');
});

it('a client that asks for tokens for https://ai.azure.com works where that audience and its principal are listed', async () => {
  const named = clientOf({ aud: AI, oid: teamB, roles: undefined, scp: 'user_impersonation' });
  const { id } = await named.beta.assistants.create({ model: 'local-extractive' });
  expect((await named.beta.assistants.retrieve(id)).id).toBe(id);
  const other = clientOf({ aud: AI, roles: undefined, scp: 'user_impersonation' });
  await expect(other.beta.assistants.list()).rejects.toMatchObject({ status: 403, code: 'PermissionDenied' });
});

it('principals of different tenants see nothing of each other, and share with the keys of their tenant', async () => {
  const [a, b, none] = [clientOf({ oid: teamA }), clientOf({ oid: teamB }), clientOf({})];
  const { id } = await a.beta.assistants.create({ model: 'local-extractive' });
  expect((await host.azure('alpha').beta.assistants.retrieve(id)).id).toBe(id);
  for (const other of [b, none, host.azure('beta')])
    await expect(other.beta.assistants.retrieve(id)).rejects.toMatchObject({ status: 404 });
});

it('the host says at its start whose tokens it takes, and where the risk of Microsoft’s audiences is told', () => {
  expect(host.output()).toContain(`Entra ID tokens of ${ENTRA_TENANT} for ${AUDIENCE}, ${AI}.`);
  expect(host.output()).toContain(`Tokens for ${AI} let in whom ENTRA_PRINCIPALS names: read docs/identity.md`);
});

it('a token that does not hold is 401 with a challenge that says where to get one', async () => {
  const challenge = `Bearer authorization_uri="${entra.authority}/${ENTRA_TENANT}/oauth2/authorize", resource_id="${AUDIENCE}"`;
  const expired = await send('/v1/assistants', await entra.token({ expiresIn: -120 }));
  expect(expired.status).toBe(401);
  expect(expired.headers.get('www-authenticate')).toBe(
    `${challenge}, error="invalid_token", error_description="The access token is not accepted. It has expired."`,
  );
  expect(await expired.json()).toMatchObject({ error: { code: 'invalid_token' } });
  const nothing = await fetch(`${host.url}/v1/assistants`);
  expect(nothing.status).toBe(401);
  expect(nothing.headers.get('www-authenticate')).toBe(challenge);
});

it('a token of a key that was rotated in works at once', async () => {
  await clientOf({}).beta.assistants.list();
  await entra.rotate();
  expect((await send('/v1/assistants', await entra.token())).status).toBe(200);
});

it('a token without a role is 403 that says what it lacks', async () => {
  const none = new OpenAI({
    baseURL: `${host.url}/v1`,
    apiKey: await entra.token({ claims: { roles: undefined } }),
    maxRetries: 0,
  });
  const refusal = await none.beta.assistants.list().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(OpenAI.PermissionDeniedError);
  expect(refusal).toMatchObject({ code: 'PermissionDenied', message: expect.stringContaining('OpenAI.User') });
});

it('OpenAI.User reads and uses everything', () => {
  const families =
    /^\/(deployments|completions|embeddings|chat|audio|images|moderations|realtime(api)?|threads|responses|conversations|containers)(\/|$)/;
  const besides = [
    'post /vector_stores/{vector_store_id}/search',
    'post /agents/{agent_name}/ask',
    'post /agents/{agent_id}/endpoint/protocols/activityprotocol',
    'post /applications/{application}/protocols/activityprotocol',
  ];
  // Costs are not for everyone who causes them.
  const managed = ['get /usage'];
  const agentsProtocol = '/agents/{agent_name}/endpoint/protocols/openai/';
  for (const { method, path, role } of operations) {
    const isRead = method === 'get' && !managed.includes(`${method} ${path}`);
    const isUse =
      isRead || families.test(path) || path.startsWith(agentsProtocol) || besides.includes(`${method} ${path}`);
    expect({ method, path, role }).toEqual({ method, path, role: isUse ? 'user' : 'contributor' });
  }
});

it('every operation of a host keeps to its role', async () => {
  const user = await entra.token({ claims: { roles: ['OpenAI.User'] } });
  for (const { method, path, role } of operations) {
    const url = `/v1${path.replace(/\{\w+\}/g, 'x')}`;
    const json = { body: '{}', headers: { 'content-type': 'application/json' } };
    const answer = await send(url, user, { method: method.toUpperCase(), ...(method === 'post' ? json : {}) });
    const told = { method, path, isRefused: answer.status === 403 };
    expect(told).toEqual({ method, path, isRefused: !mayDo('user', role) });
    const body = await answer.text();
    if (told.isRefused) expect(body).toContain('lacks the role OpenAI.Contributor');
    else expect(answer.status).not.toBe(401);
  }
});

it('a host starts without its authority, goes on with keys, and answers tokens 503', async () => {
  const dead = await startEntraIssuer();
  await dead.close();
  const alone = await startHost({ env: dead.env });
  try {
    expect((await alone.openai().beta.assistants.list()).data).toEqual([]);
    const answer = await fetch(`${alone.url}/v1/assistants`, {
      headers: { authorization: `Bearer ${await dead.token()}` },
    });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining(dead.authority) } });
  } finally {
    await alone.stop();
  }
}, 60_000);
