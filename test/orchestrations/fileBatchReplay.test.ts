/** The orchestration of ingestion under the Functions library and the durable engine, with activities that only count. */
import * as df from 'durable-functions';
import {
  CANCEL_FILE_BATCH,
  FAIL_FILES,
  FILE_BATCH,
  fileBatch,
  INGEST_FILES,
  PLAN_FILE_BATCH,
  type FileBatchInput,
  type FilesInput,
  type PlanAnswer,
} from '../../src/orchestrations/fileBatch';
import { ended, startHost, until, type DurableHost } from '../localHost/durable/fixtures/durableHost';

jest.mock(
  '@azure/functions-core',
  () => jest.requireActual<{ coreModule: object }>('../localHost/durable/fixtures/coreModule').coreModule,
  { virtual: true },
);

const pending = new Set<string>();
const started: string[] = [];
let cancelling = false;
let gate = Promise.withResolvers<void>();

df.app.orchestration(FILE_BATCH, fileBatch);
df.app.activity(PLAN_FILE_BATCH, {
  handler: (): PlanAnswer => {
    if (cancelling) pending.clear();
    return { groups: [...pending].map((id) => [id]) };
  },
});
df.app.activity(INGEST_FILES, {
  handler: async ({ fileIds }: FilesInput) => {
    started.push(...fileIds);
    await gate.promise;
    for (const id of fileIds) pending.delete(id);
    return { faulty: [] };
  },
});
df.app.activity(FAIL_FILES, { handler: () => ({ faulty: [] }) });

let host: DurableHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(async () => {
  await host.close();
});

const start = async (files: number): Promise<string> => {
  started.length = 0;
  cancelling = false;
  gate = Promise.withResolvers();
  for (let place = 0; place < files; place += 1) pending.add(`file-${place}`);
  const input: FileBatchInput = { job: { scope: { tenant: 't', project: '-' }, storeId: 'vs_1', jobId: 'vsfb_1' } };
  return host.client.startNew(FILE_BATCH, { input });
};

describe('fileBatch under the durable engine', () => {
  it.each([1, 2, 4, 5, 13])('ingests each of %i groups once, and completes', async (files) => {
    const id = await start(files);
    gate.resolve();
    expect(await ended(host.client, id)).toMatchObject({ runtimeStatus: 'Completed' });
    expect(started.toSorted()).toEqual(Array.from({ length: files }, (_, place) => `file-${place}`).toSorted());
  });

  it('completes when it is cancelled while groups are at work, and begins no other', async () => {
    const id = await start(13);
    await until(async () => Promise.resolve(started.length === 4));
    cancelling = true;
    await host.client.raiseEvent(id, CANCEL_FILE_BATCH, {});
    gate.resolve();
    expect(await ended(host.client, id)).toMatchObject({ runtimeStatus: 'Completed' });
    expect(started).toHaveLength(4);
    expect(host.logged).toEqual([]);
  });
});
