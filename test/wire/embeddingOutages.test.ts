/** What becomes of files whose embedding model cannot be reached for a while, or not at all. */
import type OpenAI from 'openai';
import { contractSuite } from '../support/contractSuite';
import { soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
async function ingest({ files, vectorStores }: OpenAI, count: number) {
  const uploads = Array.from({ length: count }, async (_, index) =>
    files.create({ file: new File([`Otter ${index} sleeps afloat.`], `${index}.txt`), purpose: 'assistants' }),
  );
  const file_ids = (await Promise.all(uploads)).map(({ id }) => id);
  const store = await vectorStores.create({});
  return vectorStores.fileBatches.createAndPoll(store.id, { file_ids }, soon);
}

const none = { in_progress: 0, completed: 0, failed: 0, cancelled: 0 };

it.each([
  ['answers 503', reply.status(503)],
  ['breaks connections', reply.disconnect()],
])(
  'no file fails when the service %s for some seconds',
  async (_what, fault) => {
    // As often as one call is tried.
    suite.upstream.enqueueEmbeddings(fault, fault, fault, fault);
    const batch = await ingest(suite.client(), 3);
    expect(suite.upstream.calls.embeddings).toBe(5);
    expect(batch).toMatchObject({ status: 'completed', file_counts: { ...none, completed: 3, total: 3 } });
  },
  60_000,
);

it('files fail with the words of a service that stays down, in bounded time', async () => {
  suite.upstream.on((_body, { kind }) => (kind === 'embeddings' ? reply.status(503) : undefined));
  const client = suite.client();
  const began = Date.now();
  // Two groups, embedded at the same time.
  const batch = await ingest(client, 70);
  expect(Date.now() - began).toBeLessThan(90_000);
  expect(batch).toMatchObject({ status: 'completed', file_counts: { ...none, failed: 70, total: 70 } });
  const place = { vector_store_id: batch.vector_store_id, filter: 'failed' as const, limit: 100 };
  const reasons = new Set<unknown>();
  for await (const { last_error } of client.vectorStores.fileBatches.listFiles(batch.id, place))
    reasons.add(last_error?.message);
  expect([...reasons]).toEqual(['The model service failed (503): Scripted 503.']);
  const store = await client.vectorStores.retrieve(batch.vector_store_id);
  expect([store.status, store.file_counts]).toEqual(['completed', batch.file_counts]);
}, 120_000);
