/** RESPONSES_MODE=upstream: what a service keeps for all of its account is each tenant's own here, and is asked for where it is. */
import type OpenAI from 'openai';
import { startHost, type Host } from '../support/host';
import { UPSTREAM_KEY, type Hosts } from '../support/modelHosts';
import { expectNotFound } from '../support/notFound';
import { startScriptedMedia, type ScriptedMedia } from '../support/scriptedMedia';
import { refusedHere, scriptedResponses, startResponsesHosts, UPSTREAM_MODE } from '../support/scriptedResponses';

let media: ScriptedMedia;
let hosts: Hosts;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ media, hosts, stop } = await startResponsesHosts());
});
afterAll(async () => stop());
const service = scriptedResponses();
beforeEach(() => {
  media.reset();
  media.on(service);
});

const asked = { model: 'gpt-4o', input: 'How is the sea?' };
const operations = (): string[] => media.requests.map(({ method, operation }) => `${method} ${operation}`);

describe('what is not a tenant’s own is refused without a call of the service', () => {
  let theirs: OpenAI.Responses.Response;
  let container: string | undefined;
  let conversation: OpenAI.Conversations.Conversation;
  beforeEach(async () => {
    const { responses, conversations } = hosts.openai.openai();
    const tools = [{ type: 'code_interpreter' as const, container: { type: 'auto' as const } }];
    theirs = await responses.create({ ...asked, tools });
    container = theirs.output.flatMap((item) => (item.type === 'code_interpreter_call' ? [item.container_id] : []))[0];
    conversation = await conversations.create({ items: [{ role: 'user', content: 'Hello' }] });
    media.requests.length = 0;
  });

  it('a response and a conversation: 404', async () => {
    const { responses, conversations } = hosts.openai.openai('beta');
    const { id } = conversation;
    await expectNotFound(
      async () => responses.retrieve(theirs.id),
      async () => responses.retrieve(theirs.id, { stream: true }),
      async () => responses.delete(theirs.id),
      async () => responses.cancel(theirs.id),
      async () => responses.inputItems.list(theirs.id),
      async () => conversations.retrieve(id),
      async () => conversations.update(id, { metadata: {} }),
      async () => conversations.delete(id),
      async () => conversations.items.list(id),
      async () => conversations.items.create(id, { items: [{ role: 'user', content: 'x' }] }),
      async () => conversations.items.retrieve('msg_1', { conversation_id: id }),
      async () => conversations.items.delete('msg_1', { conversation_id: id }),
    );
    const project = `${hosts.openai.url}/api/projects/sea/openai/v1`;
    const headers = { 'api-key': hosts.openai.key() };
    const ofProject = await fetch(`${project}/responses/${theirs.id}`, { headers });
    expect(ofProject.status).toBe(404);
    expect(operations()).toEqual([]);
  });

  it('what a new response names', async () => {
    const { responses } = hosts.openai.openai('beta');
    const itemId = theirs.output.at(-1)?.id ?? '';
    const ask = async (more: object) => refusedHere(media, responses.create({ ...asked, ...more }));
    expect(await ask({ previous_response_id: theirs.id })).toMatchObject({
      status: 400,
      code: 'previous_response_not_found',
    });
    expect(await ask({ conversation: conversation.id })).toMatchObject({ status: 404 });
    expect(await ask({ conversation: { id: conversation.id } })).toMatchObject({ status: 404 });
    expect(await ask({ input: [{ type: 'item_reference', id: itemId }] })).toMatchObject({ status: 404 });
    expect(await ask({ input: [{ id: itemId }] })).toMatchObject({ status: 404 });
    expect(await ask({ tools: [{ type: 'code_interpreter', container }] })).toMatchObject({
      status: 400,
      param: 'tools[0].container',
    });
    expect(
      await ask({
        input: [{ type: 'code_interpreter_call', id: 'ci_1', status: 'completed', code: '1', container_id: container }],
      }),
    ).toMatchObject({ status: 400 });
    // A picture goes by its id alone, and tools come in tools and in items too.
    expect(await ask({ input: [{ type: 'image_generation_call', id: itemId }] })).toMatchObject({ status: 404 });
    const shell = { type: 'shell', environment: { type: 'container_reference', container_id: container } };
    expect(await ask({ tools: [{ type: 'mcp' }, shell] })).toMatchObject({ status: 400, param: 'tools[1]' });
    const inside = [{ type: 'namespace', tools: [{ type: 'code_interpreter', container }] }];
    expect(await ask({ tools: inside })).toMatchObject({ status: 400, param: 'tools[0]' });
    const call = { ...shell, type: 'shell_call', call_id: 'c', action: { commands: ['ls'] } };
    for (const item of [call, { type: 'additional_tools', role: 'developer', tools: [shell] }])
      expect(await ask({ input: [item] })).toMatchObject({ status: 400, param: 'input' });
    const add = hosts.openai
      .openai('beta')
      .conversations.create({ items: [{ type: 'item_reference', id: itemId } as never] });
    expect(await refusedHere(media, add)).toMatchObject({ status: 404 });
    const counted = hosts.openai
      .openai('beta')
      .responses.inputTokens.count({ ...asked, previous_response_id: theirs.id });
    expect(await refusedHere(media, counted)).toMatchObject({ status: 400 });
  });

  it('a path that leads out of a container of its own', async () => {
    const { id } = await hosts.openai.openai('beta').containers.create({ name: 'mine' });
    media.requests.length = 0;
    const files = `${hosts.openai.url}/v1/containers/${id}/files`;
    const headers = { 'api-key': hosts.openai.key('beta') };
    for (const path of [
      `..%2F..%2F${container}`,
      '%252e%252e',
      '..%5C..',
      '..%2F..%2F..%2Fmodels%2Fgpt-4o',
      'a%3Fb%23c',
    ])
      for (const rest of [path, `${path}/content`])
        expect((await fetch(`${files}/${rest}`, { headers })).status).toBe(404);
    expect((await fetch(`${files}/..%2F..%2F${container}`, { method: 'DELETE', headers })).status).toBe(404);
    expect(operations()).toEqual([]);
  });

  it('to its tenant all of it is there', async () => {
    const { responses } = hosts.openai.openai();
    await responses.create({ ...asked, previous_response_id: theirs.id });
    await responses.create({ ...asked, conversation: conversation.id });
    await responses.create({ ...asked, input: [{ type: 'item_reference', id: theirs.output.at(-1)?.id ?? '' }] });
    await responses.create({ ...asked, tools: [{ type: 'code_interpreter', container: container ?? '' }] });
    const environment = { type: 'container_reference' as const, container_id: container ?? '' };
    const { output } = await responses.create({ ...asked, tools: [{ type: 'shell', environment }] });
    const [call] = output.filter((item) => item.type === 'shell_call');
    const tools = [{ type: 'shell', environment: call?.environment } as never];
    await responses.create({ ...asked, tools });
    expect(operations()).toEqual(Array.from({ length: 6 }, () => 'POST responses'));
  });
});

it('nobody gets hold of an object by words of their own that an answer repeats', async () => {
  const theirs = await hosts.openai.openai().responses.create(asked);
  const itemId = theirs.output[0]?.id ?? '';
  const beta = hosts.openai.openai('beta');
  const mine = await beta.responses.create({
    ...asked,
    metadata: { id: theirs.id, response: theirs.id },
    input: [{ type: 'message', role: 'assistant', id: itemId, status: 'completed', content: [] }],
  });
  await beta.responses.inputItems.list(mine.id);
  await beta.responses.retrieve(mine.id);
  expect(await refusedHere(media, beta.responses.retrieve(theirs.id))).toMatchObject({ status: 404 });
  expect(
    await refusedHere(media, beta.responses.create({ ...asked, input: [{ type: 'item_reference', id: itemId }] })),
  ).toMatchObject({ status: 404 });
});

it('a member that is named twice reaches the service as it was checked', async () => {
  const theirs = await hosts.openai.openai().responses.create(asked);
  media.reset();
  media.on(service);
  const ask = async (members: string) =>
    fetch(`${hosts.openai.url}/v1/responses`, {
      method: 'POST',
      headers: { 'api-key': hosts.openai.key('beta'), 'content-type': 'application/json' },
      body: `{"model":"gpt-4o","input":"a: \\"b\\" : c",${members}}`,
    });
  const previous = `"previous_response_id":"${theirs.id}"`;
  expect((await ask(`"previous_response_id":null,${previous}`)).status).toBe(400);
  expect((await ask(`${previous},"previous_response_id":null`)).status).toBe(200);
  expect(media.requests.map(({ body }) => body.toString())).toEqual([
    '{"model":"gpt-4o","input":"a: \\"b\\" : c","previous_response_id":null}',
  ]);
});

it('of a response that is not stored nothing is known afterwards', async () => {
  const { responses } = hosts.openai.openai();
  const { id, output } = await responses.create({ ...asked, store: false });
  let streamed = '';
  for await (const event of await responses.create({ ...asked, store: false, stream: true }))
    if (event.type === 'response.created') streamed = event.response.id;
  for (const gone of [id, streamed])
    expect(await refusedHere(media, responses.retrieve(gone))).toMatchObject({ status: 404 });
  const reference = responses.create({ ...asked, input: [{ type: 'item_reference', id: output[0]?.id ?? '' }] });
  expect(await refusedHere(media, reference)).toMatchObject({ status: 404 });
});

it('vector stores and files that are kept here are refused, since the service does not reach them; its own are not', async () => {
  const client = hosts.openai.openai();
  const store = await client.vectorStores.create({});
  const file = await client.files.create({ file: new File(['text'], 'a.txt'), purpose: 'assistants' });
  const ask = async (more: object) => refusedHere(media, client.responses.create({ ...asked, ...more }));
  const named = (param: string) => ({
    status: 400,
    param,
    code: 'unsupported',
    message: expect.stringContaining('RESPONSES_MODE'),
  });
  expect(await ask({ tools: [{ type: 'file_search', vector_store_ids: ['vs_theirs', store.id] }] })).toMatchObject(
    named('tools[0].vector_store_ids'),
  );
  expect(
    await ask({ tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: [file.id] } }] }),
  ).toMatchObject(named('tools[0]'));
  const content = [{ type: 'input_file', file_id: file.id }];
  expect(await ask({ input: [{ role: 'user', content }] })).toMatchObject(named('input[0]'));
  const shot = { type: 'computer_screenshot', file_id: file.id };
  expect(await ask({ input: [{ type: 'computer_call_output', call_id: 'c', output: shot }] })).toMatchObject(
    named('input[0]'),
  );
  await client.responses.create({
    ...asked,
    tools: [{ type: 'file_search', vector_store_ids: ['vs_theirs'] }],
    input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-theirs' }] }],
  });
  expect(operations()).toEqual(['POST responses']);
});

describe('of two services', () => {
  let other: ScriptedMedia;
  let host: Host;
  beforeAll(async () => {
    other = await startScriptedMedia();
    const backend = (name: string, { url }: ScriptedMedia, priority: number, deployments: object) => ({
      ...{ name, kind: 'openai', base_url: url, api_key: UPSTREAM_KEY, priority, deployments },
    });
    const backends = [
      backend('first', media, 0, { 'gpt-4o': 'gpt-4o' }),
      backend('second', other, 1, { 'gpt-4o': 'theirs', other: 'other' }),
    ];
    host = await startHost({ env: { MODEL_BACKENDS: JSON.stringify(backends), ...UPSTREAM_MODE } });
  });
  afterAll(async () => {
    await host.stop();
    await other.close();
  });
  beforeEach(() => {
    other.reset();
    other.on(scriptedResponses());
  });

  it('the one that has a response is asked for it and for what continues it, also where the other goes first', async () => {
    const { responses } = host.openai();
    const there = await responses.create({ model: 'other', input: 'Hello' });
    expect(media.requests).toEqual([]);
    const next = await responses.create({ ...asked, previous_response_id: there.id });
    expect(next.model).toBe('theirs');
    await responses.retrieve(next.id);
    expect([media.requests.length, other.requests.length]).toEqual([0, 3]);
    // Its failure is not made up for by the other, which knows nothing of it.
    other.on(() => ({ status: 429, headers: { 'retry-after': '9999' }, body: '{}' }));
    await expect(responses.create({ ...asked, previous_response_id: there.id })).rejects.toMatchObject({ status: 429 });
    expect(media.requests).toEqual([]);
  });

  it('what both have parts of cannot go together', async () => {
    const { responses } = host.openai();
    const here = await responses.create(asked);
    const there = await responses.create({ model: 'other', input: 'Hello' });
    const reference = { type: 'item_reference' as const, id: there.output[0]?.id ?? '' };
    await expect(
      responses.create({ ...asked, previous_response_id: here.id, input: [reference] }),
    ).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('different model services'),
    });
  });
});
