/** Tenants and projects never see each other's objects: what is another's is answered as if it were absent. */
import OpenAI from 'openai';
import { assistantWithThread, OTTERS } from '../support/assistantFixtures';
import { contractSuite } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';
import { soon } from '../support/polling';
import type { Tenant } from '../support/host';

const suite = contractSuite();

/** A client of a tenant and, with a name, of a Foundry project. */
const clientOf = (tenant: Tenant, project?: string): OpenAI => {
  const client = suite.client('OpenAI', tenant);
  return project === undefined
    ? client
    : client.withOptions({ baseURL: `${suite.host.url}/api/projects/${project}/openai/v1` });
};

/** One object of every kind. */
async function everything(client: OpenAI) {
  const store = await client.vectorStores.create({ name: 'secret' });
  const file = await client.files.create({ file: new File([OTTERS], 'secret.txt'), purpose: 'assistants' });
  const batch = await client.vectorStores.fileBatches.createAndPoll(store.id, { file_ids: [file.id] }, soon);
  const { assistant, thread } = await assistantWithThread(client, { name: 'secret' });
  const run = await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  const [step] = (await client.beta.threads.runs.steps.list(run.id, { thread_id: thread.id })).data;
  const [message] = (await client.beta.threads.messages.list(thread.id)).data;
  const conversation = await client.conversations.create({ items: [{ role: 'user', content: 'secret' }] });
  const [item] = (await client.conversations.items.list(conversation.id)).data;
  const ids = { step: step?.id ?? '', message: message?.id ?? '', item: item?.id ?? '' };
  return { assistant, thread, run, store, file, batch, conversation, ...ids };
}

describe.each<[string, [Tenant, string?], [Tenant, string?]]>([
  ['Another tenant', ['alpha'], ['beta']],
  ['Another tenant in a project of the same name', ['alpha', 'p1'], ['beta', 'p1']],
  ['Another project of the tenant', ['alpha', 'p1'], ['alpha', 'p2']],
  ['The tenant outside of the project', ['alpha', 'p1'], ['alpha']],
  ['A project, of what is outside of it', ['alpha'], ['alpha', 'p1']],
])('%s', (_who, [ownTenant, ownProject], [otherTenant, otherProject]) => {
  let own: Awaited<ReturnType<typeof everything>>;
  const other = () => clientOf(otherTenant, otherProject);

  beforeAll(async () => {
    own = await everything(clientOf(ownTenant, ownProject));
  }, 60_000);

  it('does not find assistants, threads, messages, runs and steps', async () => {
    const { assistants, threads } = other().beta;
    const thread_id = own.thread.id;
    await expectNotFound(
      async () => assistants.retrieve(own.assistant.id),
      async () => assistants.update(own.assistant.id, { name: 'mine' }),
      async () => assistants.delete(own.assistant.id),
      async () => threads.retrieve(thread_id),
      async () => threads.update(thread_id, {}),
      async () => threads.delete(thread_id),
      async () => threads.messages.list(thread_id),
      async () => threads.messages.create(thread_id, { role: 'user', content: 'x' }),
      async () => threads.messages.retrieve(own.message, { thread_id }),
      async () => threads.messages.delete(own.message, { thread_id }),
      async () => threads.runs.list(thread_id),
      async () => threads.runs.create(thread_id, { assistant_id: own.assistant.id }),
      async () => threads.runs.retrieve(own.run.id, { thread_id }),
      async () => threads.runs.cancel(own.run.id, { thread_id }),
      async () => threads.runs.steps.list(own.run.id, { thread_id }),
      async () => threads.runs.steps.retrieve(own.step, { thread_id, run_id: own.run.id }),
    );
  });

  it('does not find files, vector stores, their files and batches, nor anything in them', async () => {
    const { files, vectorStores } = other();
    const place = { vector_store_id: own.store.id };
    await expectNotFound(
      async () => files.retrieve(own.file.id),
      async () => files.content(own.file.id),
      async () => files.delete(own.file.id),
      async () => vectorStores.retrieve(own.store.id),
      async () => vectorStores.update(own.store.id, {}),
      async () => vectorStores.delete(own.store.id),
      async () => vectorStores.search(own.store.id, { query: 'otters' }),
      async () => vectorStores.files.list(own.store.id),
      async () => vectorStores.files.retrieve(own.file.id, place),
      async () => vectorStores.files.content(own.file.id, place),
      async () => vectorStores.fileBatches.retrieve(own.batch.id, place),
    );
  });

  it('does not find conversations and their items', async () => {
    const { conversations, responses } = other();
    const { id } = own.conversation;
    const place = { conversation_id: id };
    const mine = await conversations.create();
    const reference: OpenAI.Responses.ResponseInputItem = { type: 'item_reference', id: own.item };
    await expectNotFound(
      async () => conversations.retrieve(id),
      async () => conversations.update(id, { metadata: {} }),
      async () => conversations.delete(id),
      async () => conversations.items.list(id),
      async () => conversations.items.create(id, { items: [{ role: 'user', content: 'x' }] }),
      async () => conversations.items.retrieve(own.item, place),
      async () => conversations.items.retrieve(own.item, { conversation_id: mine.id }),
      async () => conversations.items.delete(own.item, place),
      async () => conversations.items.create(mine.id, { items: [reference] }),
      async () => responses.create({ model: 'm', conversation: id, input: 'x' }),
      async () => responses.create({ model: 'm', input: [reference] }),
    );
  });

  it('cannot use them by naming them in objects of its own', async () => {
    const client = other();
    const { assistant, thread } = await assistantWithThread(client);
    const store = await client.vectorStores.create({});
    const tool_resources = { file_search: { vector_store_ids: [own.store.id] } };
    const { id: file_id } = own.file;
    const code = { code_interpreter: { file_ids: [file_id] } };
    const attachments = [{ file_id, tools: [{ type: 'file_search' as const }] }];
    const picture = { type: 'image_file' as const, image_file: { file_id } };
    await expectNotFound(
      async () => client.beta.assistants.create({ model: 'm', tool_resources: code }),
      async () => client.beta.threads.update(thread.id, { tool_resources: code }),
      async () => client.beta.threads.messages.create(thread.id, { role: 'user', content: 'x', attachments }),
      async () => client.beta.threads.messages.create(thread.id, { role: 'user', content: [picture] }),
      async () => client.beta.assistants.create({ model: 'm', tool_resources }),
      async () => client.beta.threads.create({ tool_resources }),
      async () => client.beta.threads.update(thread.id, { tool_resources }),
      async () => client.beta.threads.createAndRun({ assistant_id: assistant.id, tool_resources }),
      async () => client.beta.threads.runs.create(thread.id, { assistant_id: own.assistant.id }),
      async () => client.vectorStores.files.create(store.id, { file_id: own.file.id }),
    );
  });

  it('finds none of their content by a batch that names their file', async () => {
    const { vectorStores } = other();
    const store = await vectorStores.create({});
    const batch = await vectorStores.fileBatches.createAndPoll(store.id, { file_ids: [own.file.id] }, soon);
    expect(batch.file_counts).toMatchObject({ completed: 0, failed: 1, total: 1 });
    expect((await vectorStores.search(store.id, { query: 'otters' })).data).toEqual([]);
  });

  it('does not see them in lists, nor pages from them', async () => {
    const client = other();
    const lists = [client.beta.assistants.list(), client.files.list(), client.vectorStores.list()];
    const threads: { data: { id: string }[] } = await client.get('/threads?limit=100');
    const seen = [...(await Promise.all(lists)), threads]
      .flatMap<{ id: string }>(({ data }) => data)
      .map(({ id }) => id);
    for (const { id } of [own.assistant, own.file, own.store, own.thread]) expect(seen).not.toContain(id);
    await expect(client.beta.assistants.list({ after: own.assistant.id })).rejects.toBeInstanceOf(
      OpenAI.BadRequestError,
    );
    await expect(client.vectorStores.list({ before: own.store.id })).rejects.toBeInstanceOf(OpenAI.BadRequestError);
  });
});
