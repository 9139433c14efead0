/** Operations 43 to 46 with the official SDK. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';
import { soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const texts = ['Otters sleep afloat.', 'Bats sleep upside down.', 'Horses sleep standing.'];

async function uploadAll(client: OpenAI, contents = texts) {
  const files: string[] = [];
  for (const [index, text] of contents.entries()) {
    files.push((await client.files.create({ file: new File([text], `${index}.txt`), purpose: 'assistants' })).id);
  }
  return files;
}

describe.each(sdks)('with the class %s', (sdk) => {
  const client = () => suite.client(sdk);
  const batches = () => client().vectorStores.fileBatches;

  it('adds files as a batch and polls until all are ingested', async () => {
    const file_ids = await uploadAll(client());
    const store = await client().vectorStores.create({});
    const batch = await batches().create(store.id, { file_ids, attributes: { kind: 'sleep' } });
    expect(batch).toMatchObject({
      object: 'vector_store.file_batch',
      vector_store_id: store.id,
      status: 'in_progress',
    });
    expect(batch.id).toMatch(/^vsfb_\w{24}$/);
    expect(batch.file_counts.total).toBe(3);
    const done = await batches().poll(store.id, batch.id, soon);
    const counts = { in_progress: 0, completed: 3, failed: 0, cancelled: 0, total: 3 };
    expect(done).toMatchObject({ id: batch.id, status: 'completed', file_counts: counts });
    expect(await batches().retrieve(batch.id, { vector_store_id: store.id })).toEqual(done);
    expect((await client().vectorStores.retrieve(store.id)).file_counts).toEqual(counts);
    const listed: OpenAI.VectorStores.VectorStoreFile[] = [];
    for await (const file of batches().listFiles(batch.id, { vector_store_id: store.id, limit: 2 })) listed.push(file);
    expect(listed.map(({ id }) => id).sort()).toEqual([...file_ids].sort());
    for (const file of listed) expect(file).toMatchObject({ status: 'completed', attributes: { kind: 'sleep' } });
  });

  it('uploads files and ingests them in one call, of which one that cannot be parsed fails alone', async () => {
    const store = await client().vectorStores.create({});
    const files = [new File(['%PDF-1.4 broken'], 'broken.pdf'), new File([texts[0] ?? ''], 'good.txt')];
    const batch = await batches().uploadAndPoll(store.id, { files }, soon);
    expect(batch.status).toBe('completed');
    expect(batch.file_counts).toEqual({ in_progress: 0, completed: 1, failed: 1, cancelled: 0, total: 2 });
    const place = { vector_store_id: store.id };
    const { data: failed } = await batches().listFiles(batch.id, { ...place, filter: 'failed' });
    expect(failed).toHaveLength(1);
    expect(failed[0]?.last_error?.message).toBeTruthy();
    expect((await batches().listFiles(batch.id, { ...place, filter: 'completed' })).data).toHaveLength(1);
  });

  it('takes files with settings of their own', async () => {
    const [one = '', two = ''] = await uploadAll(client());
    const store = await client().vectorStores.create({});
    const files = [
      { file_id: one, attributes: { n: 1 } },
      { file_id: two, attributes: { n: 2 } },
    ];
    const batch = await batches().createAndPoll(store.id, { files }, soon);
    expect(batch.status).toBe('completed');
    const { files: storeFiles } = client().vectorStores;
    expect(await storeFiles.retrieve(two, { vector_store_id: store.id })).toMatchObject({ attributes: { n: 2 } });
  });

  it('cancels a batch: what has not begun is cancelled', async () => {
    const file_ids = await uploadAll(client());
    const store = await client().vectorStores.create({});
    suite.upstream.enqueueEmbeddings(reply.hang(), reply.hang(), reply.hang());
    const batch = await batches().create(store.id, { file_ids });
    const cancelling = await batches().cancel(batch.id, { vector_store_id: store.id });
    expect(['cancelling', 'cancelled']).toContain(cancelling.status);
    expect(cancelling.file_counts.total).toBe(3);
  });
});

it('does not find a batch or a store that is not there', async () => {
  const { vectorStores } = suite.client();
  const store = await vectorStores.create({});
  await expectNotFound(
    async () => vectorStores.fileBatches.retrieve('vsfb_nothing', { vector_store_id: store.id }),
    async () => vectorStores.fileBatches.cancel('vsfb_nothing', { vector_store_id: store.id }),
    async () => vectorStores.fileBatches.create('vs_nothing', { file_ids: ['file-nothing'] }),
  );
});

it('a file that is not there fails alone in its batch', async () => {
  const { vectorStores } = suite.client();
  const [good = ''] = await uploadAll(suite.client(), ['Otters sleep afloat.']);
  const store = await vectorStores.create({});
  const batch = await vectorStores.fileBatches.createAndPoll(store.id, { file_ids: [good, 'file-nothing'] }, soon);
  expect(batch.file_counts).toEqual({ in_progress: 0, completed: 1, failed: 1, cancelled: 0, total: 2 });
});

it.each([
  ['neither files nor file_ids', 'file_ids', {}],
  ['both of them', 'file_ids', { file_ids: ['file-1'], files: [{ file_id: 'file-1' }] }],
  ['no file at all', 'file_ids', { file_ids: [] }],
])('refuses a batch with %s', async (_what, param, body) => {
  const store = await suite.client().vectorStores.create({});
  const answer = await suite.send('POST', `/v1/vector_stores/${store.id}/file_batches`, { body });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param } });
});
