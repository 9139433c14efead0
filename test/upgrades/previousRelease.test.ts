/** What each earlier release left behind, under today's host: everything is shown as it was, and what was under way goes on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { azureRecords } from '../../src/adapters/azureStorage/azureRecords';
import { storageClients } from '../../src/adapters/azureStorage/clients';
import type { Change } from '../../src/storage/ports';
import { textOf } from '../support/assistantFixtures';
import { startAzurite, type Azurite } from '../support/azurite';
import { faultsOf } from '../support/contractFaults';
import { answerSchema } from '../support/contractSchemas';
import { startHost, type Host } from '../support/host';
import { eventually, soon } from '../support/polling';
import { schedulesOf } from '../support/scheduleClient';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { modelSettings } from './modelSettings';
import { readRelease, releases, type ReleaseFixture } from './releaseFixture';
import { syncsOf } from './syncClient';

/** Later than the leases of those who drove the runs, and earlier than the runs' end. */
const LATER_MILLISECONDS = 15_000;

/** Writes what the release had in files to the account, through today's stores. */
async function toAccount({ rows, files }: ReleaseFixture, { account }: Azurite, prefix: string): Promise<void> {
  const logFault = (message: string, error: unknown) => console.error(message, error);
  const records = await azureRecords({ account, prefix, logFault });
  const changes = new Map<string, Change[]>();
  for (const { partition, list, id, sort, value } of rows('records', 'records')) {
    const change = { op: 'create', list: String(list), id: String(id), order: String(sort) } as const;
    const all = changes.get(String(partition)) ?? [];
    changes.set(String(partition), [...all, { ...change, value: JSON.parse(String(value)) as unknown }]);
  }
  for (const [partition, all] of changes)
    for (let start = 0; start < all.length; start += 40) await records.write(partition, all.slice(start, start + 40));
  const due = rows('records', 'due').map(({ at, kind, id, data }) => ({
    ...{ at: Number(at), kind: String(kind), id: String(id) },
    data: JSON.parse(String(data)) as Record<string, string>,
  }));
  await records.writeDue({ add: due });
  await records.close();
  const { blobs } = await storageClients(account);
  for (const [path, content] of files) {
    const [folder, name = '', ...rest] = path.split('/');
    // A sync's container is the account's own, without a prefix.
    const container = folder === 'lancedb' ? `${prefix}vectors` : name === 'documents' ? name : prefix + name;
    const blob = (folder === 'lancedb' ? [name, ...rest] : rest).join('/');
    await blobs.getContainerClient(container).createIfNotExists();
    await blobs.getContainerClient(container).getBlockBlobClient(blob).uploadData(content);
  }
}

let upstream: ScriptedUpstream;
let azurite: Azurite;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  azurite = await startAzurite();
}, 60_000);
afterAll(async () => {
  await upstream.close();
  await azurite.stop();
});

// Jest wants the names of tests before anything is read.
const KNOWN = ['0.1.0'];
it('knows every release that has a fixture', async () => expect(await releases()).toEqual(KNOWN));

const places = KNOWN.flatMap((version) => ['files', 'a storage account'].map((place) => ({ version, place })));
describe.each(places)('the state of release $version in $place', ({ version, place }) => {
  let fixture: ReleaseFixture;
  let dataDir: string;
  let host: Host;
  const id = (name: string): string => {
    const found = fixture.shown.ids[name];
    if (found === undefined) throw new Error(`The release has no ${name}.`);
    return found;
  };

  beforeAll(async () => {
    fixture = await readRelease(version);
    dataDir = await mkdtemp(join(tmpdir(), 'release-'));
    await fixture.restore(dataDir);
    const prefix = azurite.newPrefix();
    if (place !== 'files') await toAccount(fixture, azurite, prefix);
    const account = { STORAGE: 'azure', STORAGE_PREFIX: prefix, AzureWebJobsStorage: azurite.connectionString };
    host = await startHost({
      dataDir,
      env: {
        ...modelSettings(upstream),
        ...(place !== 'files' && account),
        NODE_OPTIONS: `--require ${join(__dirname, 'clockOffset.cjs')}`,
        CLOCK_OFFSET_MILLISECONDS: String(fixture.shown.madeAt + LATER_MILLISECONDS - Date.now()),
      },
    });
  }, 60_000);
  afterAll(async () => {
    await host.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it("is shown as the release showed it, in today's schemas", async () => {
    const underWay = [id('polledThread'), id('streamedThread')];
    const paths = Object.keys(fixture.shown.answers).filter(
      (path) => !underWay.some((thread) => path.includes(thread)),
    );
    expect(paths.length).toBeGreaterThan(30);
    for (const path of paths) {
      // Parsed here, so that its objects are of this realm.
      const answer: unknown = JSON.parse(JSON.stringify(await host.openai().get(path)));
      expect({ path, answer }).toMatchObject({ path, answer: fixture.shown.answers[path] });
      const schema = answerSchema('GET', `/v1${path}`);
      if (!schema || schema === 'raw') throw new Error(`No schema is known for ${path}.`);
      expect(faultsOf(schema, answer)).toEqual([]);
    }
  });

  it('has its files, also those that code wrote, byte for byte', async () => {
    const { files, beta } = host.openai();
    expect(await (await files.content(id('textFile'))).text()).toContain('Otters sleep afloat');
    const { data } = await beta.threads.messages.list(id('completedThread'));
    const [annotation] = textOf(data[0]).annotations.filter(({ type }) => type === 'file_path');
    if (annotation?.type !== 'file_path') throw new Error('The answer names no file.');
    expect(await (await files.content(annotation.file_path.file_id)).text()).toBe('4');
  });

  it('is searched with the vectors that the release made', async () => {
    const filters = { type: 'eq', key: 'year', value: 2026 } as const;
    const found = await host.openai().vectorStores.search(id('store'), { query: 'otters sleep', filters });
    expect(found.data.map(({ file_id }) => file_id)).toEqual([id('textFile')]);
  });

  it.each(['polled', 'streamed'])('finishes the run that was %s when the host died, with one message', async (name) => {
    const { runs, messages } = host.openai().beta.threads;
    const thread_id = id(`${name}Thread`);
    const run = await runs.poll(id(`${name}Run`), { thread_id }, soon);
    expect(run.status).toBe('completed');
    expect((await messages.list(thread_id)).data.map(({ role }) => role)).toEqual(['assistant', 'user']);
  });

  it('takes the outputs that its run waits for, and finishes it', async () => {
    const { runs, messages } = host.openai().beta.threads;
    const thread_id = id('waitingThread');
    const waiting = await runs.retrieve(id('waitingRun'), { thread_id });
    const calls = waiting.required_action?.submit_tool_outputs.tool_calls ?? [];
    expect(calls).toHaveLength(1);
    const tool_outputs = calls.map((call) => ({ tool_call_id: call.id, output: 'a mammal' }));
    const run = await runs.submitToolOutputsAndPoll(waiting.id, { thread_id, tool_outputs }, soon);
    expect(run.status).toBe('completed');
    expect((await messages.list(thread_id)).data).toHaveLength(3);
  });

  it('goes on with an old thread: a new run searches the old store and cites it', async () => {
    const { runs, messages } = host.openai().beta.threads;
    const thread = id('completedThread');
    await messages.create(thread, { role: 'user', content: 'Otters sleep where?' });
    const run = await runs.createAndPoll(thread, { assistant_id: id('assistant') }, soon);
    expect(run).toMatchObject({ status: 'completed', last_error: null });
    const [answer] = (await messages.list(thread)).data;
    expect(textOf(answer).annotations).toMatchObject([
      { type: 'file_citation', file_citation: { file_id: id('textFile') } },
    ]);
  });

  it('finishes the batch that was under way, each file once', async () => {
    const { vectorStores } = host.openai();
    const store = id('fillingStore');
    const batch = await vectorStores.fileBatches.poll(store, id('fillingBatch'), soon);
    const counts = { completed: 66, failed: 0, in_progress: 0, cancelled: 0, total: 66 };
    expect([batch.status, batch.file_counts]).toEqual(['completed', counts]);
    expect((await vectorStores.retrieve(store)).file_counts).toEqual(counts);
    const found = await vectorStores.search(store, { query: 'Animal 65 sleeps', max_num_results: 50 });
    const texts = found.data.flatMap(({ content }) => content.map(({ text }) => text));
    expect(texts.length).toBe(new Set(texts).size);
  }, 60_000);

  it('runs its schedules and syncs, and ends them', async () => {
    const client = host.openai();
    const schedules = schedulesOf(client);
    const { id: runId, thread_id } = await schedules.run(id('schedule'));
    expect((await client.beta.threads.runs.poll(runId, { thread_id }, soon)).status).toBe('completed');
    expect(await schedules.delete(id('schedule'))).toMatchObject({ deleted: true });
    const syncs = syncsOf(client);
    const before = await syncs.retrieve(id('sync'));
    await syncs.run(id('sync'));
    const last = await eventually('the next sync', async () => {
      const { last_sync } = await syncs.retrieve(id('sync'));
      return last_sync && last_sync.started_at > (before.last_sync?.started_at ?? 0) ? last_sync : undefined;
    });
    expect(last).toMatchObject({ removed: 0, failed_count: 0, error: null });
  });

  it('meets nothing that the host cannot handle', () => {
    expect(host.output()).not.toMatch(/non-deterministic|does not exist any more|could not be handled|TRAP/i);
  });
});
