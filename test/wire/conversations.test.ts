/** Conversations and their items with the official SDK; responses that are given in them. */
import OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';
import { eventually } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

type Item = OpenAI.Conversations.ConversationItem;
type Input = OpenAI.Responses.ResponseInputItem;

const suite = contractSuite();
const model = 'gpt-4.1';
const ABSENT = `conv_${'a'.repeat(24)}`;

/** Responses have schemas of their own, which the suite does not check. */
const responses = () => suite.host.openai().responses;
const user = (content: string): Input => ({ type: 'message', role: 'user', content });

const again = (id: string): Input => ({
  type: 'message',
  id,
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: 'x', annotations: [] }],
});

const textOf = (item: Item): string => {
  if (item.type !== 'message') return item.type;
  const [part] = item.content;
  return part && 'text' in part ? part.text : '';
};
async function texts(client: OpenAI, id: string): Promise<string[]> {
  const found: string[] = [];
  for await (const item of client.conversations.items.list(id, { order: 'asc', limit: 100 })) found.push(textOf(item));
  return found;
}
/** What the model was last asked, role and text. */
const asked = () => suite.upstream.requests.at(-1)?.body.messages?.map(({ role, content }) => [role, content]);
const locked = { status: 400, code: 'conversation_locked', param: 'conversation' };

describe.each(sdks)('With the class %s', (sdk) => {
  const client = () => suite.client(sdk);

  it('a conversation is created with items, read, changed and deleted', async () => {
    const { conversations } = client();
    const made = await conversations.create({ metadata: { topic: 'otters' }, items: [user('Hello'), user('Well?')] });
    expect(made).toEqual({
      id: expect.stringMatching(/^conv_[A-Za-z0-9]{24}$/),
      object: 'conversation',
      created_at: expect.any(Number),
      metadata: { topic: 'otters' },
    });
    expect(await conversations.retrieve(made.id)).toEqual(made);
    expect(await texts(client(), made.id)).toEqual(['Hello', 'Well?']);
    const changed = await conversations.update(made.id, { metadata: { topic: 'seals' } });
    expect(changed).toEqual({ ...made, metadata: { topic: 'seals' } });
    expect((await conversations.update(made.id, { metadata: null })).metadata).toEqual({});
    expect(await conversations.delete(made.id)).toEqual({
      id: made.id,
      object: 'conversation.deleted',
      deleted: true,
    });
  });

  it('an empty one has an empty list', async () => {
    const { id } = await client().conversations.create();
    expect((await client().conversations.items.list(id)).data).toEqual([]);
  });

  it('items of every kind are added, read one by one, and deleted', async () => {
    const { conversations } = client();
    const { id } = await conversations.create({});
    const given: Input[] = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'low' }] },
      { role: 'assistant', content: 'A picture.' },
      { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'mild' },
    ];
    const added = await conversations.items.create(id, { items: given });
    expect(added.data.map(({ type }) => type)).toEqual([
      'message',
      'message',
      'message',
      'function_call',
      'function_call_output',
    ]);
    expect(added).toMatchObject({ first_id: added.data[0]?.id, last_id: added.data[4]?.id, has_more: false });
    for (const item of added.data) {
      if (!('id' in item) || !item.id) throw new Error('An item without an id.');
      expect(await conversations.items.retrieve(item.id, { conversation_id: id })).toEqual(item);
    }
    const picture = added.data[1]?.id ?? '';
    const include: OpenAI.Responses.ResponseIncludable[] = ['message.input_image.image_url'];
    expect(added.data[1]).toMatchObject({ content: [{ image_url: null }] });
    expect(await conversations.items.retrieve(picture, { conversation_id: id, include })).toMatchObject({
      content: [{ image_url: 'data:image/png;base64,AAAA' }],
    });
    expect((await conversations.items.list(id, { include, order: 'asc' })).data[1]).toMatchObject({
      content: [{ image_url: 'data:image/png;base64,AAAA' }],
    });
    expect(await conversations.items.delete(picture, { conversation_id: id })).toMatchObject({ id });
    await expectNotFound(async () => conversations.items.retrieve(picture, { conversation_id: id }));
    expect((await conversations.items.list(id)).data).toHaveLength(4);
  });
});

it('lists 1,000 items newest first in pages of any size, without a gap or a repeat', async () => {
  const { conversations } = suite.client();
  const { id } = await conversations.create({});
  const all: string[] = [];
  for (let batch = 0; batch < 50; batch += 1) {
    const items = Array.from({ length: 20 }, (_, index) => user(`Item ${batch * 20 + index}`));
    all.push(...(await conversations.items.create(id, { items })).data.map(textOf));
  }
  expect(all).toHaveLength(1000);
  expect((await conversations.items.list(id)).data.map(textOf)).toEqual(all.toReversed().slice(0, 20));
  expect(await texts(suite.client(), id)).toEqual(all);
  const seen: string[] = [];
  for await (const item of conversations.items.list(id, { limit: 37 })) seen.push(textOf(item));
  expect(seen).toEqual(all.toReversed());
  await conversations.delete(id);
  await expectNotFound(async () => conversations.items.list(id));
}, 60_000);

it('keeps a large item whole, and gives it to the model', async () => {
  const long = 'otter '.repeat(40_000);
  const { conversations } = suite.client();
  const { id } = await conversations.create({ items: [user(long)] });
  expect(await texts(suite.client(), id)).toEqual([long]);
  await responses().create({ model, conversation: id, input: 'And?', store: false });
  expect(asked()?.[0]).toEqual(['user', long]);
});

it('refuses what the service refuses', async () => {
  const { conversations } = suite.client();
  const { id } = await conversations.create({ items: [user('Hello')] });
  const [first] = (await conversations.items.list(id)).data;
  const itemId = first?.id ?? '';
  const many = Array.from({ length: 21 }, () => user('x'));
  await expect(conversations.create({ items: many })).rejects.toMatchObject({ status: 400, param: 'items' });
  await expect(conversations.items.create(id, { items: many })).rejects.toMatchObject({ status: 400, param: 'items' });
  const metadata = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v']));
  await expect(conversations.create({ metadata })).rejects.toMatchObject({ status: 400, param: 'metadata' });
  for (const faulty of [{ ['k'.repeat(65)]: 'v' }, { k: 'v'.repeat(513) }])
    await expect(conversations.update(id, { metadata: faulty })).rejects.toMatchObject({ status: 400 });
  const noMetadata = await suite.send('POST', `/v1/conversations/${id}`, { body: {} });
  expect([noMetadata.status, await noMetadata.json()]).toMatchObject([400, { error: { param: 'metadata' } }]);
  await expect(conversations.items.create(id, { items: [again(itemId)] })).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining(`Duplicate item found with id ${itemId}.`),
  });
  await expect(conversations.items.list(id, { after: 'msg_none' })).rejects.toMatchObject({ status: 400 });
  const elsewhere = await suite.send('GET', `/v1/conversations/${id}/items?include=everything`);
  expect(elsewhere.status).toBe(400);
  await expectNotFound(
    async () => conversations.retrieve(ABSENT),
    async () => conversations.retrieve('thread_1'),
    async () => conversations.update(ABSENT, { metadata: {} }),
    async () => conversations.delete(ABSENT),
    async () => conversations.items.list(ABSENT),
    async () => conversations.items.create(ABSENT, { items: [user('x')] }),
    async () => conversations.items.retrieve('msg_1', { conversation_id: id }),
    async () => conversations.items.delete('msg_1', { conversation_id: id }),
    async () => conversations.items.create(id, { items: [{ type: 'item_reference', id: 'msg_1' }] }),
    async () => responses().create({ model, conversation: ABSENT, input: 'x' }),
  );
  await expect(conversations.retrieve(ABSENT)).rejects.toMatchObject({
    message: `404 Conversation with id '${ABSENT}' not found.`,
  });
});

describe('A response in a conversation', () => {
  it('goes on from its items, and adds its input and output to it', async () => {
    const { conversations } = suite.client();
    const { id } = await conversations.create({ items: [{ role: 'developer', content: 'Be brief.' }] });
    suite.upstream.enqueue(reply.text('Afloat.'), reply.text('In rafts.'));
    const first = await responses().create({ model, conversation: id, input: 'Where do otters sleep?' });
    expect(first.conversation).toEqual({ id });
    expect(asked()).toEqual([
      ['system', 'Be brief.'],
      ['user', 'Where do otters sleep?'],
    ]);
    const second = await responses().create({ model, conversation: { id }, input: [user('How?')] });
    expect(asked()?.slice(1)).toEqual([
      ['user', 'Where do otters sleep?'],
      ['assistant', 'Afloat.'],
      ['user', 'How?'],
    ]);
    expect(await texts(suite.client(), id)).toEqual([
      'Be brief.',
      'Where do otters sleep?',
      'Afloat.',
      'How?',
      'In rafts.',
    ]);
    const [last] = (await conversations.items.list(id, { limit: 1 })).data;
    expect(last?.id).toBe(second.output[0]?.id);
    expect((await responses().retrieve(second.id)).conversation).toEqual({ id });
  });

  it('may be followed by the next as soon as its stream has told its end', async () => {
    const { id } = await suite.client().conversations.create();
    for (const name of ['1', '2', '3', '4', '5']) {
      suite.upstream.enqueue(reply.text(`answer ${name}`));
      for await (const event of await responses().create({ model, conversation: id, input: name, stream: true }))
        if (event.type === 'response.completed') break;
    }
    expect(await texts(suite.client(), id)).toEqual(
      ['1', '2', '3', '4', '5'].flatMap((name) => [name, `answer ${name}`]),
    );
  });

  it('adds to it also where the response itself is not stored', async () => {
    const { id } = await suite.client().conversations.create();
    suite.upstream.enqueue(reply.text('Afloat.'));
    const response = await responses().create({ model, conversation: id, input: 'Where?', store: false });
    await expectNotFound(async () => responses().retrieve(response.id));
    expect(await texts(suite.client(), id)).toEqual(['Where?', 'Afloat.']);
    // Nothing else knows this item.
    const reference: Input = { type: 'item_reference', id: response.output[0]?.id ?? '' };
    await responses().create({ model, input: [reference, user('Thanks')] });
    expect(asked()).toEqual([
      ['assistant', 'Afloat.'],
      ['user', 'Thanks'],
    ]);
  });

  it('takes the outputs of functions that an earlier one called', async () => {
    const { id } = await suite.client().conversations.create();
    const tools: OpenAI.Responses.Tool[] = [{ type: 'function', name: 'weather', parameters: {}, strict: false }];
    suite.upstream.enqueue(reply.toolCalls([{ name: 'weather', arguments: {}, id: 'call_1' }]), reply.text('Mild.'));
    await responses().create({ model, conversation: id, input: 'Weather?', tools });
    await expect(responses().create({ model, conversation: id, input: 'Well?', tools })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('No tool output found for function call call_1.'),
    });
    const output: Input = { type: 'function_call_output', call_id: 'call_1', output: '12 °C' };
    await responses().create({ model, conversation: id, input: [output], tools });
    expect(asked()?.map(([role]) => role)).toEqual(['user', 'assistant', 'tool']);
    expect(await texts(suite.client(), id)).toEqual(['Weather?', 'function_call', 'function_call_output', 'Mild.']);
  });

  it('runs code where the conversation ran it before', async () => {
    const { conversations } = suite.client();
    const { id } = await conversations.create();
    const code = (text: string) => reply.toolCalls([{ name: 'code_interpreter', arguments: { code: text } }]);
    const tools: OpenAI.Responses.Tool[] = [{ type: 'code_interpreter', container: { type: 'auto' } }];
    suite.upstream.enqueue(code('otters = 41'), reply.text('Noted.'), code('print(otters + 1)'), reply.text('42.'));
    await responses().create({ model, conversation: id, input: 'There are 41 otters.', tools });
    await responses().create({ model, conversation: id, input: 'One more?', tools });
    const include: OpenAI.Responses.ResponseIncludable[] = ['code_interpreter_call.outputs'];
    const calls = (await conversations.items.list(id, { include, order: 'asc' })).data.filter(
      (item) => item.type === 'code_interpreter_call',
    );
    expect(calls.map(({ outputs }) => outputs)).toEqual([[], [{ type: 'logs', logs: '42\n' }]]);
    expect(new Set(calls.map(({ container_id }) => container_id)).size).toBe(1);
    const shown = (await conversations.items.list(id)).data.filter((item) => item.type === 'code_interpreter_call');
    expect(shown.map(({ outputs }) => outputs)).toEqual([null, null]);
  }, 60_000);

  it('adds more items than one write takes, in order', async () => {
    const { id } = await suite.client().conversations.create({ items: [user('first')] });
    const said = Array.from({ length: 130 }, (_, index) => `Said ${index}`);
    suite.upstream.enqueue(reply.text('Done.'));
    await responses().create({ model, conversation: id, input: said.map(user) });
    expect(await texts(suite.client(), id)).toEqual(['first', ...said, 'Done.']);
  });

  it('is continued by previous_response_id with what the conversation held before it, and nothing after', async () => {
    const { conversations } = suite.client();
    const { id } = await conversations.create({ items: [user('One')] });
    suite.upstream.enqueue(reply.text('Two'), reply.text('Four'), reply.text('x'));
    const response = await responses().create({ model, conversation: id, input: 'Oh' });
    await responses().create({ model, conversation: id, input: 'Three' });
    await responses().create({ model, previous_response_id: response.id, input: 'Else' });
    expect(asked()).toEqual([
      ['user', 'One'],
      ['user', 'Oh'],
      ['assistant', 'Two'],
      ['user', 'Else'],
    ]);
    expect(await texts(suite.client(), id)).toEqual(['One', 'Oh', 'Two', 'Three', 'Four']);
  });

  it('excludes previous_response_id, and items that are there already', async () => {
    const { id } = await suite.client().conversations.create();
    const response = await responses().create({ model, conversation: id, input: 'Hello' });
    await expect(
      responses().create({ model, conversation: id, previous_response_id: response.id, input: 'x' }),
    ).rejects.toMatchObject({ status: 400, code: 'mutually_exclusive_parameters' });
    const itemId = response.output[0]?.id ?? '';
    await expect(
      responses().create({ model, conversation: id, input: [{ type: 'item_reference', id: itemId }] }),
    ).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining(`Duplicate item found with id ${itemId}`),
    });
    // What was refused has locked nothing.
    await responses().create({ model, conversation: id, input: 'Again' });
  });

  it('adds nothing where it fails, and leaves the conversation free', async () => {
    const { id } = await suite.client().conversations.create();
    suite.upstream.enqueue(reply.status(400));
    await expect(responses().create({ model, conversation: id, input: 'x' })).rejects.toMatchObject({ status: 400 });
    suite.upstream.enqueue(reply.cutAfter(2, reply.text('Half an answer.', { chunks: 8 })));
    const failed = await responses().create({ model, conversation: id, input: 'y' });
    expect(failed.status).toBe('failed');
    suite.upstream.enqueue(reply.text('Short', { finishReason: 'length' }));
    expect((await responses().create({ model, conversation: id, input: 'z' })).status).toBe('incomplete');
    expect(await texts(suite.client(), id)).toEqual(['z', 'Short']);
  });

  it('locks it for others meanwhile, until its caller leaves', async () => {
    const { conversations } = suite.client();
    const { id } = await conversations.create();
    suite.upstream.enqueue(reply.hang());
    const leaving = new AbortController();
    const first = responses().create({ model, conversation: id, input: 'one' }, { signal: leaving.signal });
    first.catch(() => undefined);
    await suite.upstream.until(() => suite.upstream.calls.chat === 1);
    await expect(responses().create({ model, conversation: id, input: 'two' })).rejects.toMatchObject(locked);
    await expect(conversations.items.create(id, { items: [user('three')] })).rejects.toMatchObject(locked);
    leaving.abort();
    await expect(first).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    await eventually('the conversation is free', async () =>
      conversations.items.create(id, { items: [user('four')] }).catch(() => undefined),
    );
    expect(await texts(suite.client(), id)).toEqual(['four']);
  });

  it('is one of several at once: the others are refused, and what is added is whole', async () => {
    const { id } = await suite.client().conversations.create();
    suite.upstream.on(() => reply.slow(300, reply.text('answer')));
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map(async (input) => responses().create({ model, conversation: id, input })),
    );
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(refused).toHaveLength(3);
    for (const reason of refused) expect(reason).toMatchObject(locked);
    expect(await texts(suite.client(), id)).toEqual([expect.stringMatching(/^[abcd]$/), 'answer']);
  });

  it('is answered although its conversation is deleted meanwhile, and nothing of that comes back', async () => {
    const { conversations } = suite.client();
    const { id } = await conversations.create({ items: [user('Hello')] });
    let go = (): void => undefined;
    const gone = new Promise<void>((resolve) => (go = resolve));
    suite.upstream.enqueue(async () => {
      await gone;
      return reply.text('Afloat.');
    });
    const input = [user('otter '.repeat(20_000)), user('Where?')];
    const answer = responses().create({ model, conversation: id, input });
    await suite.upstream.until(() => suite.upstream.calls.chat === 1);
    const [item] = (await conversations.items.list(id)).data;
    await conversations.delete(id);
    go();
    expect((await answer).output_text).toBe('Afloat.');
    await expectNotFound(
      async () => conversations.retrieve(id),
      async () => conversations.items.list(id),
      async () => conversations.items.retrieve(item?.id ?? '', { conversation_id: id }),
      async () => responses().create({ model, conversation: id, input: 'x' }),
      async () => responses().create({ model, input: [{ type: 'item_reference', id: item?.id ?? '' }, user('x')] }),
    );
    expect((await responses().retrieve((await answer).id)).status).toBe('completed');
  });
});
