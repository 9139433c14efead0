/** The objects that a published example speaks of, made before it is sent. */
import type OpenAI from 'openai';
import { assistantWithThread } from './assistantFixtures';
import { soon } from './polling';
import type { PublishedExample } from './publishedExamples';
import { reply, type ScriptedUpstream } from './scriptedUpstream';

/** Real ids by the names of the path's parameters. */
export type ExampleIds = Record<string, string>;

/** Makes what the example's path names, in the state that the example needs. */
export async function exampleObjects(
  client: OpenAI,
  upstream: ScriptedUpstream,
  { operation, request, response }: PublishedExample,
): Promise<ExampleIds> {
  if (request.path.includes('/vector_stores')) return storeObjects(client, upstream, operation);
  const asks = ['{run_id}', '/runs', '/messages'].some((part) => request.path.includes(part));
  const store = operation === 28 ? await client.vectorStores.create({}) : undefined;
  const { assistant, thread } = await assistantWithThread(client, {
    name: 'HR Helper',
    // The printed answer shows the functions that the run must have.
    tools: operation === 27 ? (response.body as OpenAI.Beta.Assistant).tools : [{ type: 'file_search' }],
    tool_resources: { file_search: { vector_store_ids: store ? [store.id] : [] } },
  });
  const table = await client.files.create({ file: new File(['1'], 'table.csv'), purpose: 'assistants' });
  await client.beta.threads.update(thread.id, { tool_resources: { code_interpreter: { file_ids: [table.id] } } });
  const ids: ExampleIds = { assistant_id: assistant.id, thread_id: thread.id };
  // Operations 22 and 24 begin a run of their own.
  return asks && operation !== 22 && operation !== 24
    ? { ...ids, ...(await runObjects(client, upstream, operation, ids)) }
    : ids;
}

async function runObjects(
  client: OpenAI,
  upstream: ScriptedUpstream,
  operation: number,
  { assistant_id = '', thread_id = '' }: ExampleIds,
): Promise<ExampleIds> {
  const { runs, messages } = client.beta.threads;
  if (operation === 27)
    upstream.enqueue(reply.toolCalls([{ id: 'call_001', name: 'get_current_weather', arguments: {} }]));
  if (operation === 28) upstream.enqueue(reply.hang());
  const begun = await runs.create(thread_id, { assistant_id, max_completion_tokens: 1000 });
  if (operation === 28) await upstream.until(() => upstream.calls.chat === 1);
  else await runs.poll(begun.id, { thread_id }, soon);
  const [step] = (await runs.steps.list(begun.id, { thread_id })).data;
  // The user's message is the one that the examples print, and they print the newest first.
  if (operation === 18) await messages.create(thread_id, { role: 'user', content: 'Hello, what is AI?' });
  const [message] = (await messages.list(thread_id, { order: 'asc' })).data;
  return { run_id: begun.id, step_id: step?.id ?? '', message_id: message?.id ?? '' };
}

async function storeObjects(client: OpenAI, upstream: ScriptedUpstream, operation: number): Promise<ExampleIds> {
  const files: string[] = [];
  for (const name of ['faq.txt', 'more.txt']) {
    files.push(
      (await client.files.create({ file: new File([`Be kind, says ${name}.`], name), purpose: 'assistants' })).id,
    );
  }
  const store = await client.vectorStores.create({ name: 'Support FAQ' });
  const [file_id = '', other_file_id = ''] = files;
  const ids = { vector_store_id: store.id, file_id, other_file_id };
  // Operations 37 and 43 add the files themselves.
  if (operation < 36 || operation === 37 || operation === 43) return ids;
  if (operation === 45) upstream.enqueueEmbeddings(reply.hang(), reply.hang());
  const batch = await client.vectorStores.fileBatches.create(store.id, { file_ids: files });
  if (operation !== 45) await client.vectorStores.fileBatches.poll(store.id, batch.id, soon);
  return { ...ids, batch_id: batch.id };
}
