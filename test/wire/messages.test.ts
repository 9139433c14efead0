/** Operations 18 to 21 with the official SDK. */
import OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { soon } from '../support/polling';

const suite = contractSuite();

describe.each(sdks)('with the class %s', (sdk) => {
  const threads = () => suite.client(sdk).beta.threads;

  it('creates a message from a string, complete at once', async () => {
    const { id } = await threads().create();
    const message = await threads().messages.create(id, { role: 'user', content: 'Hello', metadata: { n: '1' } });
    expect(message).toMatchObject({
      object: 'thread.message',
      thread_id: id,
      status: 'completed',
      incomplete_details: null,
      incomplete_at: null,
      role: 'user',
      content: [{ type: 'text', text: { value: 'Hello', annotations: [] } }],
      assistant_id: null,
      run_id: null,
      attachments: [],
      metadata: { n: '1' },
    });
    expect(message.completed_at).toBe(message.created_at);
    expect(message.id).toMatch(/^msg_\w{24}$/);
    expect(await threads().messages.retrieve(message.id, { thread_id: id })).toEqual(message);
  });

  it('creates a message from parts and hands them to the model', async () => {
    const { id } = await threads().create();
    const url = 'https://example.com/otter.png';
    const message = await threads().messages.create(id, {
      role: 'user',
      content: [
        { type: 'text', text: 'What is it?' },
        { type: 'image_url', image_url: { url, detail: 'low' } },
      ],
    });
    expect(message.content[1]).toEqual({ type: 'image_url', image_url: { url, detail: 'low' } });
    const assistant = await suite.client(sdk).beta.assistants.create({ model: 'gpt-4.1' });
    await threads().runs.createAndPoll(id, { assistant_id: assistant.id }, soon);
    expect(suite.upstream.requests.at(-1)?.body.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url, detail: 'low' } },
        ],
      },
    ]);
  });

  it('modifies nothing but the metadata of a message', async () => {
    const { id } = await threads().create();
    const message = await threads().messages.create(id, { role: 'user', content: 'Hello', metadata: { a: '1' } });
    const modified = await threads().messages.update(message.id, { thread_id: id, metadata: { b: '2' } });
    expect(modified).toEqual({ ...message, metadata: { b: '2' } });
    expect(await threads().messages.retrieve(message.id, { thread_id: id })).toEqual(modified);
  });

  it("lists messages newest first, and with run_id only that run's", async () => {
    const assistant = await suite.client(sdk).beta.assistants.create({ model: 'gpt-4.1' });
    const { id } = await threads().create({ messages: [{ role: 'user', content: 'One' }] });
    const first = await threads().runs.createAndPoll(id, { assistant_id: assistant.id }, soon);
    await threads().messages.create(id, { role: 'user', content: 'Two' });
    await threads().runs.createAndPoll(id, { assistant_id: assistant.id }, soon);
    const texts = (messages: OpenAI.Beta.Threads.Message[]) =>
      messages.map(({ content: [part] }) => (part?.type === 'text' ? part.text.value : ''));
    const all = await threads().messages.list(id);
    expect(texts(all.data)).toEqual(['You said: Two', 'Two', 'You said: One', 'One']);
    const own = await threads().messages.list(id, { run_id: first.id });
    expect(texts(own.data)).toEqual(['You said: One']);
    expect(own.data[0]).toMatchObject({ role: 'assistant', run_id: first.id, assistant_id: assistant.id });
  });

  it("does not find another thread's message", async () => {
    const [one, two] = [await threads().create(), await threads().create()];
    const message = await threads().messages.create(one.id, { role: 'user', content: 'Hello' });
    const call = threads().messages.retrieve(message.id, { thread_id: two.id });
    await expect(call).rejects.toThrow(`No message found with id '${message.id}'.`);
    await expect(call).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });
});

it.each([
  ['attachments', { attachments: [{ file_id: 'file-1', tools: [{ type: 'file_search' }] }] }],
  ['content[0].image_file', { content: [{ type: 'image_file', image_file: { file_id: 'file-1' } }] }],
] as [string, object][])('says that %s of a message is not supported yet', async (param, given) => {
  const { id } = await suite.client().beta.threads.create();
  const body = { role: 'user', content: 'Hello', ...given } as OpenAI.Beta.Threads.MessageCreateParams;
  const call = suite.client().beta.threads.messages.create(id, body);
  await expect(call).rejects.toMatchObject({ status: 400, code: 'unsupported', param });
});
