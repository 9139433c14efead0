/** Tokens of bot channels: what they let in, and nothing else. */
import { startBotIssuer, type BotIssuer } from '../support/botIssuer';
import { startEntraIssuer, type EntraIssuer } from '../support/entraIssuer';
import { sendFlow, type FlowRequest, type Json } from '../support/flows';
import { startHost, type Host } from '../support/host';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let issuer: BotIssuer;
let entra: EntraIssuer;
let host: Host;
beforeAll(async () => {
  [upstream, issuer, entra] = await Promise.all([startScriptedUpstream(), startBotIssuer(), startEntraIssuer()]);
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, ...issuer.env, ...entra.env } });
  const body = { definition: { kind: 'prompt', model: 'gpt-4o' } };
  for (const project of ['p1', 'p2'])
    expect((await sendFlow(host, 'POST', '/agents/otter/versions', body, { project })).status).toBe(200);
}, 60_000);
afterAll(async () => {
  await host.stop();
  await Promise.all([upstream.close(), issuer.close(), entra.close()]);
});

const activity: Json = {
  type: 'message',
  channelId: 'msteams',
  serviceUrl: 'https://smba.example/emea/',
  conversation: { id: 'c1' },
  text: 'Hi',
};
const PATH = '/agents/otter/endpoint/protocols/activityprotocol';
const bearing = (token: string, request: FlowRequest = {}): FlowRequest => ({
  ...request,
  headers: { authorization: `Bearer ${token}` },
});
const send = async (token: string, fields: Json = {}, request: FlowRequest = {}) =>
  sendFlow(host, 'POST', PATH, { ...activity, ...fields }, bearing(token, request));

it('a token of the channel lets an activity in without a key', async () => {
  const { status, body } = await send(await issuer.token());
  expect([status, body.text]).toEqual([200, 'You said: Hi']);
  const application = await sendFlow(
    host,
    'POST',
    '/applications/otter/protocols/activityprotocol',
    activity,
    bearing(await issuer.token()),
  );
  expect(application.status).toBe(200);
});

it('keys and tokens of Entra ID go on as before', async () => {
  expect((await sendFlow(host, 'POST', PATH, activity)).status).toBe(200);
  const user = await entra.token({ claims: { roles: ['OpenAI.User'] } });
  // Of another tenant, which has no such agent.
  expect((await send(user)).status).toBe(404);
});

const at = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;
it.each<[string, Json, string]>([
  ['for another bot', { aud: 'cccccccc-0000-4000-8000-000000000001' }, 'Entra'],
  ['of another issuer', { iss: 'https://evil.example' }, 'issuer'],
  ['that has expired', { exp: at(-310) }, 'expired'],
  ['before its time', { nbf: at(310) }, 'not valid yet'],
  ['that never expires', { exp: undefined }, 'exp'],
  ['for no address', { serviceurl: undefined }, 'serviceurl'],
])('a token %s is 401', async (_what, claims, reason) => {
  const answer = await send(await issuer.token(claims));
  expect(answer).toMatchObject({ status: 401, body: { error: { message: expect.stringContaining(reason) } } });
  expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer .*invalid_token/);
});

it('clocks may differ by five minutes', async () => {
  expect((await send(await issuer.token({ exp: at(-280) }))).status).toBe(200);
});

it('a token that somebody else signed for the bot is 401', async () => {
  const other = await startBotIssuer();
  try {
    expect((await send(await other.token())).status).toBe(401);
  } finally {
    await other.close();
  }
});

it('no key and no token is 401', async () => {
  expect((await sendFlow(host, 'POST', PATH, activity, { headers: {} })).status).toBe(401);
});

it.each<[string, Json]>([
  ['of another address than its token', { serviceUrl: 'https://evil.example/' }],
  ['without an address', { serviceUrl: undefined }],
  ['of a channel that the key may not sign for', { channelId: 'directline' }],
  ['without a channel', { channelId: undefined }],
])('an activity %s is 403', async (_what, fields) => {
  expect(await send(await issuer.token(), fields)).toMatchObject({
    status: 403,
    body: { error: { code: 'PermissionDenied' } },
  });
});

it('a token of the channel opens no other project and no other operation', async () => {
  const token = await issuer.token();
  expect((await send(token, {}, { project: 'p2' })).status).toBe(403);
  for (const path of ['/agents', '/assistants', '/threads'])
    expect((await sendFlow(host, 'GET', path, undefined, bearing(token))).status).toBe(401);
  expect((await sendFlow(host, 'POST', '/agents/otter/ask', { input: 'Hi' }, bearing(token))).status).toBe(401);
});

it('without Entra ID, and with keys that name no channels, activities come in as well', async () => {
  const plain = await startBotIssuer(null);
  const alone = await startHost({ env: { OPENAI_BASE_URL: upstream.url, ...plain.env } });
  try {
    const body = { definition: { kind: 'prompt', model: 'gpt-4o' } };
    await sendFlow(alone, 'POST', '/agents/otter/versions', body);
    const answer = await sendFlow(alone, 'POST', PATH, activity, bearing(await plain.token()));
    expect(answer.status).toBe(200);
    const wrong = await sendFlow(alone, 'POST', PATH, activity, bearing(await plain.token({ aud: 'x' })));
    expect(wrong).toMatchObject({ status: 401, body: { error: { message: expect.stringContaining('BOT_APP_ID') } } });
  } finally {
    await alone.stop();
    await plain.close();
  }
}, 60_000);

it('where the keys cannot be had, it is 503', async () => {
  const dead = await startBotIssuer();
  await dead.close();
  const alone = await startHost({ env: { OPENAI_BASE_URL: upstream.url, ...dead.env } });
  try {
    const answer = await sendFlow(alone, 'POST', PATH, activity, bearing(await dead.token()));
    expect(answer.status).toBe(503);
    expect((await sendFlow(alone, 'GET', '/agents')).status).toBe(200);
  } finally {
    await alone.stop();
  }
}, 60_000);
