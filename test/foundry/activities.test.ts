/** The activity protocol: activities as channels and the connector send them, to agents and to assistants. */
import OpenAI from 'openai';
import { storeWithFile, weather } from '../support/assistantFixtures';
import { sendFlow, type FlowRequest, type Json } from '../support/flows';
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
}, 60_000);
afterEach(() => upstream.reset());
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

let count = 0;
const unique = (prefix: string): string => `${prefix}-${(count += 1)}`;

async function agent(definition: Json = {}, request: FlowRequest & { name?: string } = {}): Promise<string> {
  const { name = unique('agent') } = request;
  const body = { definition: { kind: 'prompt', model: 'gpt-4o', instructions: 'Be short.', ...definition } };
  expect((await sendFlow(host, 'POST', `/agents/${name}/versions`, body, request)).status).toBe(200);
  return name;
}

async function assistant(settings: Json = {}): Promise<string> {
  const { body } = await sendFlow(host, 'POST', '/assistants', { model: 'gpt-4o', ...settings });
  return String(body.id);
}

const user = { id: 'user-1', name: 'Ada' };
const bot = { id: 'bot-1', name: 'Otter' };
const message = (text: string, fields: Json = {}): Json => ({
  type: 'message',
  id: unique('activity'),
  channelId: 'msteams',
  serviceUrl: 'https://smba.example/emea/',
  conversation: { id: 'c1', tenantId: 't' },
  from: user,
  recipient: bot,
  text,
  channelData: { anything: [1] },
  ...fields,
});

const send = async (name: string, body: unknown, request?: FlowRequest) =>
  sendFlow(host, 'POST', `/agents/${name}/endpoint/protocols/activityprotocol`, body, request);

/** The text of the reply to a message. */
async function said(name: string, body: unknown, request?: FlowRequest): Promise<unknown> {
  const answer = await send(name, body, request);
  expect(answer).toMatchObject({ status: 200, body: { type: 'message' } });
  return answer.body.text;
}

/** What the model was told in the last call. */
const told = () => upstream.requests.filter(({ kind }) => kind === 'chat').at(-1)?.body.messages ?? [];
const turnsTold = () => told().filter(({ role }) => role !== 'system').length;

/** Agents by name, and assistants by id: what both must do. */
const kinds: [kind: string, make: () => Promise<string>][] = [
  ['an agent', async () => agent()],
  ['an assistant', async () => assistant()],
];

describe.each(kinds)('%s', (_kind, make) => {
  it('replies to a message in the form of the protocol', async () => {
    const name = await make();
    const asked = message('Hello', { locale: 'de-AT' });
    const { status, body } = await send(name, asked);
    expect(status).toBe(200);
    expect(body).toEqual({
      type: 'message',
      id: expect.stringMatching(/^\w{24}$/),
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      channelId: 'msteams',
      serviceUrl: 'https://smba.example/emea/',
      conversation: { id: 'c1', tenantId: 't' },
      from: bot,
      recipient: user,
      replyToId: asked.id,
      locale: 'de-AT',
      text: 'You said: Hello',
      textFormat: 'markdown',
      inputHint: 'acceptingInput',
      entities: [
        {
          type: 'https://schema.org/Message',
          '@type': 'Message',
          '@context': 'https://schema.org',
          '@id': '',
          additionalType: ['AIGeneratedContent'],
          citation: [],
        },
      ],
    });
  });

  it('goes on in its conversation, and in each with its own, until that ends', async () => {
    const name = await make();
    await said(name, message('One'));
    expect(await said(name, message('Two'))).toBe('You said: Two');
    expect(turnsTold()).toBe(3);
    await said(name, message('Other', { conversation: { id: 'c2' } }));
    expect(turnsTold()).toBe(1);
    await said(name, message('Channel', { channelId: 'webchat' }));
    expect(turnsTold()).toBe(1);
    expect(await send(name, message('', { type: 'endOfConversation' }))).toMatchObject({ status: 200, body: {} });
    await said(name, message('Anew'));
    expect(turnsTold()).toBe(1);
    await said(name, message('Other again', { conversation: { id: 'c2' } }));
    expect(turnsTold()).toBe(3);
  });

  it('answers an activity that is delivered again with the same reply, and asks the model once', async () => {
    const name = await make();
    const asked = message('Once');
    upstream.enqueue(reply.slow(500));
    const [first, second] = await Promise.all([send(name, asked), send(name, asked)]);
    expect(first.status).toBe(200);
    expect(second.body).toEqual(first.body);
    expect((await send(name, asked)).body).toEqual(first.body);
    expect(upstream.calls.chat).toBe(1);
  });

  it('takes the messages of a conversation one after the other', async () => {
    const name = await make();
    upstream.enqueue(reply.slow(300));
    await Promise.all(['One', 'Two', 'Three'].map(async (text) => said(name, message(text))));
    expect(turnsTold()).toBe(5);
  });

  it('answers again after a failure, as if the message had not come', async () => {
    const name = await make();
    const asked = message('Again');
    upstream.enqueue(...Array.from({ length: 8 }, () => reply.status(400)));
    const failed = await send(name, asked);
    expect(failed.status).toBeGreaterThanOrEqual(400);
    expect(failed.body.error).toMatchObject({ message: expect.any(String) });
    upstream.reset();
    expect(await said(name, asked)).toBe('You said: Again');
  });

  it('lists its replies where the channel expects them in the answer', async () => {
    const name = await make();
    const { body } = await send(name, message('Hi', { deliveryMode: 'expectReplies' }));
    expect(body).toEqual({ activities: [expect.objectContaining({ type: 'message', text: 'You said: Hi' })] });
    const typing = await send(name, message('', { type: 'typing', deliveryMode: 'expectReplies' }));
    expect(typing).toMatchObject({ status: 200, body: { activities: [] } });
  });

  it('says which action it would need, and goes on without it', async () => {
    const name = (await make()).startsWith('asst_')
      ? await assistant({ tools: [weather] })
      : await agent({ tools: [{ type: 'function', name: 'get_weather', parameters: { type: 'object' } }] });
    await said(name, message('Hello'));
    upstream.enqueue(reply.toolCalls([{ name: 'get_weather', arguments: { city: 'Graz' } }]));
    expect(await said(name, message('Weather?'))).toBe(
      'The agent needs an action that cannot be taken here: get_weather.',
    );
    expect(await said(name, message('Then not'))).toBe('You said: Then not');
  });

  it('cites what it found, with numbers in the text and entities', async () => {
    const client = new OpenAI({
      baseURL: `${host.url}/api/projects/p1/openai/v1`,
      apiKey: host.key(),
      maxRetries: 0,
    });
    const { store } = await storeWithFile(client);
    const name = (await make()).startsWith('asst_')
      ? await assistant({
          tools: [{ type: 'file_search' }],
          tool_resources: { file_search: { vector_store_ids: [store.id] } },
        })
      : await agent({ tools: [{ type: 'file_search', vector_store_ids: [store.id] }] });
    const { body } = await send(name, message('Where do otters sleep?'));
    expect(body.text).toMatch(/^Otters sleep afloat.* \[1\]$/);
    const [entity] = Array.isArray(body.entities) ? body.entities : [];
    expect(entity).toMatchObject({
      citation: [
        {
          '@type': 'Claim',
          position: 1,
          appearance: {
            '@type': 'DigitalDocument',
            name: 'otters.txt',
            abstract: expect.stringMatching(/^(Otters sleep afloat|They hold hands)/),
          },
        },
      ],
    });
  });

  it('is given pictures, and the values of a card', async () => {
    const name = await make();
    const contentUrl = 'data:image/png;base64,iVBORw0KGgo=';
    await said(name, message('See', { attachments: [{ contentType: 'image/png', contentUrl }] }));
    expect(told().at(-1)?.content).toEqual([
      { type: 'text', text: 'See' },
      expect.objectContaining({ type: 'image_url', image_url: expect.objectContaining({ url: contentUrl }) }),
    ]);
    expect(await said(name, message('', { text: undefined, value: { choice: 'red' } }))).toBe(
      'You said: {"choice":"red"}',
    );
    const html = { contentType: 'text/html', content: '<p>Plain</p>' };
    expect(await said(name, message('Plain', { attachments: [html] }))).toBe('You said: Plain');
  });

  it.each(['typing', 'event', 'messageReaction', 'installationUpdate', 'trace', 'made-up'])(
    'has no reply to an activity of the type %s',
    async (type) => {
      const name = await make();
      expect(await send(name, message('', { type }))).toMatchObject({ status: 200, body: {} });
      expect(upstream.calls.chat).toBe(0);
    },
  );

  it('forgets a conversation that it is removed from, and no other', async () => {
    const name = await make();
    await said(name, message('One'));
    const update = { type: 'conversationUpdate', text: undefined };
    await send(name, message('', { ...update, membersAdded: [bot], membersRemoved: [user] }));
    await said(name, message('Two'));
    expect(turnsTold()).toBe(3);
    await send(name, message('', { ...update, membersRemoved: [bot] }));
    await said(name, message('Anew'));
    expect(turnsTold()).toBe(1);
  });
});

it('a conversation whose thread was deleted begins anew', async () => {
  const name = await assistant();
  await said(name, message('One'));
  const { body } = await sendFlow(host, 'GET', '/threads?limit=1');
  const [thread] = Array.isArray(body.data) ? body.data : [];
  expect((await sendFlow(host, 'DELETE', `/threads/${thread.id}`)).status).toBe(200);
  expect(await said(name, message('Two'))).toBe('You said: Two');
  expect(turnsTold()).toBe(1);
});

it('keeps conversations of the same id apart by project and by tenant', async () => {
  const name = unique('shared');
  for (const request of [{}, { project: 'p2' }, { tenant: 'beta' as const }]) {
    await agent({}, { name, ...request });
    await said(name, message('Here'), request);
    expect(turnsTold()).toBe(1);
  }
  await said(name, message('Again'));
  expect(turnsTold()).toBe(3);
});

it('answers by the version that the path names, in one conversation', async () => {
  const name = await agent({ instructions: 'One.' });
  await agent({ instructions: 'Two.' }, { name });
  await said(`${name}:1`, message('Hello'));
  expect(told()[0]).toMatchObject({ content: 'One.' });
  await said(name, message('Hello'));
  expect(told()[0]).toMatchObject({ content: 'Two.' });
  expect(turnsTold()).toBe(3);
});

it('an application is the agent of its name', async () => {
  const name = await agent();
  await said(name, message('One'));
  const path = `/applications/${name}/protocols/activityprotocol?api-version=2025-11-15-preview`;
  const { status, body } = await sendFlow(host, 'POST', path, message('Two'));
  expect([status, body.text]).toEqual([200, 'You said: Two']);
  expect(turnsTold()).toBe(3);
});

it('needs no more than a type, a conversation and a text', async () => {
  const name = await agent();
  const { status, body } = await send(name, { type: 'message', conversation: { id: 'c1' }, text: 'Hi' });
  expect(status).toBe(200);
  expect(body).toMatchObject({ text: 'You said: Hi', from: { id: name, role: 'bot' } });
  expect(body).not.toHaveProperty('replyToId');
});

it.each<[string, Json, number, Json]>([
  ['without a conversation', { conversation: undefined }, 400, { param: 'conversation' }],
  ['with a conversation without an id', { conversation: {} }, 400, { param: 'conversation.id' }],
  ['without a type', { type: undefined }, 400, { param: 'type' }],
  ['without anything said', { text: ' ' }, 400, { param: 'text' }],
  ['that wants its replies streamed', { deliveryMode: 'stream' }, 400, { param: 'deliveryMode', code: 'unsupported' }],
  ['with another mode of delivery', { deliveryMode: 'owl' }, 400, { param: 'deliveryMode' }],
  [
    'with a file',
    { attachments: [{ contentType: 'application/pdf', contentUrl: 'https://a.example/a.pdf' }] },
    400,
    { param: 'attachments[0]', code: 'unsupported' },
  ],
  [
    'with a picture at no address',
    { attachments: [{ contentType: 'image/png', contentUrl: 'file:///etc/passwd' }] },
    400,
    { param: 'attachments[0]' },
  ],
  ['of the type invoke', { type: 'invoke', name: 'adaptiveCard/action' }, 501, { code: 'not_implemented' }],
])('an activity %s is refused', async (_what, fields, status, error) => {
  const name = await agent();
  expect(await send(name, message('Hi', fields))).toMatchObject({ status, body: { error } });
  expect(upstream.calls.chat).toBe(0);
});

it.each(['nobody', 'asst_nobody', 'not a name', 'no_name:1'])('is told that there is no agent %s', async (name) => {
  for (const type of ['message', 'typing']) {
    const { status } = await send(encodeURIComponent(name), message('Hi', { type }));
    expect(status).toBe(404);
  }
});

it('a conversation survives the host', async () => {
  const name = await agent();
  const asked = message('One');
  const first = await send(name, asked);
  const { dataDir } = host;
  await host.kill();
  host = await startHost({ dataDir, env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
  expect((await send(name, asked)).body).toEqual(first.body);
  await said(name, message('Two'));
  expect(turnsTold()).toBe(3);
});

it('a host that dies while it answers has its message answered by the next one, once', async () => {
  const names = [await agent(), await assistant()];
  const asked = message('Hello');
  upstream.on(() => reply.hang());
  const broken = names.map(async (name) => send(name, asked).catch(() => 'broken'));
  await upstream.until(() => upstream.calls.chat === 2);
  const { dataDir } = host;
  await host.kill();
  expect(await Promise.all(broken)).toEqual(['broken', 'broken']);
  upstream.reset();
  host = await startHost({ dataDir, env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
  expect(await Promise.all(names.map(async (name) => said(name, asked)))).toEqual(Array(2).fill('You said: Hello'));
  for (const name of names) {
    await said(name, message('Next'));
    expect(turnsTold()).toBe(3);
  }
}, 60_000);
