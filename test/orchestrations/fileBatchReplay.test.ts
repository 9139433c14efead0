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
  type FilesAnswer,
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
const givenUp: string[] = [];
const job = { scope: { tenant: 't', project: '-' }, storeId: 'vs_1', jobId: 'vsfb_1' };
let cancelling = false;
let gate = Promise.withResolvers<void>();
let failing = new Set<string>();
let orchestrator: typeof fileBatch = fileBatch;

df.app.orchestration(FILE_BATCH, function* (context) {
  return yield* orchestrator(context);
});
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
    const faulty = fileIds.filter((id) => failing.has(id));
    for (const id of fileIds) if (!failing.has(id)) pending.delete(id);
    return { faulty };
  },
});
df.app.activity(FAIL_FILES, {
  handler: async ({ fileIds }: FilesInput) => {
    givenUp.push(...fileIds);
    await gate.promise;
    for (const id of fileIds) pending.delete(id);
    return { faulty: [] };
  },
});

let host: DurableHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(async () => {
  await host.close();
});

/** As it was while every round with a fault counted, with this patience. */
const earlierFileBatch = (patience: number): typeof fileBatch =>
  function* ({ df: durable }) {
    const { job } = durable.getInput<FileBatchInput>();
    const cancelled = durable.waitForExternalEvent(CANCEL_FILE_BATCH);
    for (let faultyRounds = 1; ; faultyRounds += 1) {
      const { groups } = (yield durable.callActivity(PLAN_FILE_BATCH, { job })) as { groups: string[][] };
      if (groups.length === 0) return;
      const atWork = durable.Task.all(groups.map((fileIds) => durable.callActivity(INGEST_FILES, { job, fileIds })));
      yield durable.Task.any([atWork, cancelled]);
      const fileIds = ((yield atWork) as FilesAnswer[]).flatMap(({ faulty }) => faulty);
      durable.setCustomStatus(faultyRounds);
      if (faultyRounds > patience) yield durable.callActivity(FAIL_FILES, { job, fileIds });
      else yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 1000 * 2 ** (faultyRounds - 1)));
    }
  };

const start = async (files: number): Promise<string> => {
  started.length = givenUp.length = 0;
  failing = new Set();
  cancelling = false;
  gate = Promise.withResolvers();
  for (let place = 0; place < files; place += 1) pending.add(`file-${place}`);
  return host.client.startNew(FILE_BATCH, { input: { job } satisfies FileBatchInput });
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

  describe('when an instance was begun by an earlier version', () => {
    afterEach(() => (orchestrator = fileBatch));

    it('goes on where faults are waited for', async () => {
      orchestrator = earlierFileBatch(2);
      const id = await start(3);
      failing.add('file-0').add('file-1');
      gate.resolve();
      await until(async () => (await host.client.getStatus(id)).customStatus === 1);
      failing.delete('file-1');
      await until(async () => (await host.client.getStatus(id)).customStatus === 2);
      await host.restart();
      orchestrator = fileBatch;
      failing.clear();
      expect(await ended(host.client, id)).toMatchObject({ runtimeStatus: 'Completed' });
      expect(started.toSorted()).toEqual(['file-0', 'file-0', 'file-0', 'file-1', 'file-1', 'file-2']);
    });

    it('fails where it would have given up later, and completes when the sweep starts it again', async () => {
      orchestrator = earlierFileBatch(1);
      const id = await start(2);
      failing.add('file-0');
      gate.resolve();
      await until(async () => Promise.resolve(started.length === 2));
      gate = Promise.withResolvers();
      await until(async () => Promise.resolve(started.length === 3));
      gate.resolve();
      gate = Promise.withResolvers();
      await until(async () => Promise.resolve(givenUp.length === 1));
      orchestrator = fileBatch;
      gate.resolve();
      const { runtimeStatus, output } = await ended(host.client, id);
      expect([runtimeStatus, output]).toEqual(['Failed', expect.stringContaining('Non-deterministic')]);
      pending.add('file-0');
      failing.clear();
      await host.client.startNew(FILE_BATCH, { instanceId: id, input: { job } });
      expect(await ended(host.client, id)).toMatchObject({ runtimeStatus: 'Completed' });
      expect([...pending]).toEqual([]);
    });
  });
});
