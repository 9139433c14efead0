/** Two hosts on one storage account: what one leaves behind, the other takes over. */
import OpenAI from 'openai';
import { chunkText } from '../../../src/retrieval/chunkText';
import { LoadClient, noteTool, planOf, plannedModel } from '../../recovery/crashLoad';
import { faultsOf } from '../../recovery/loadFaults';
import { printedSeed, seededRandom } from '../../conformance/seededRandom';
import { assistantWithThread, OTTERS, storeWithFile, textOf } from '../../support/assistantFixtures';
import { startAzurite, type Azurite } from '../../support/azurite';
import { startHost, type Host } from '../../support/host';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../../support/scriptedUpstream';
import { uploadTexts } from '../../support/uploads';

let azurite: Azurite;
let upstream: ScriptedUpstream;
let hosts: Host[];

const start = async (prefix: string, key: string): Promise<Host> =>
  startHost({
    env: {
      STORAGE: 'azure',
      STORAGE_PREFIX: prefix,
      AzureWebJobsStorage: azurite.connectionString,
      OPENAI_BASE_URL: upstream.url,
      EMBEDDING_DEPLOYMENT: 'embed',
      // Tells the model which host asks.
      OPENAI_API_KEY: key,
    },
  });

beforeAll(async () => {
  azurite = await startAzurite();
  upstream = await startScriptedUpstream();
}, 60_000);
beforeEach(async () => {
  const prefix = azurite.newPrefix();
  hosts = await Promise.all(['first', 'second'].map(async (key) => start(prefix, key)));
}, 60_000);
afterEach(async () => {
  await Promise.all(hosts.map(async (host) => host.stop()));
  upstream.reset();
});
afterAll(async () => {
  await upstream.close();
  await azurite.stop();
});

it('says at its start where the state is, and not the key', () => {
  const { credential, name } = azurite.account;
  expect(hosts[0]?.output()).toContain(`Storage: the Azure storage account ${name}.`);
  expect(hosts[0]?.output()).toContain(`State            the storage account ${name}; orchestrations: `);
  if (credential.kind === 'key') expect(hosts[0]?.output()).not.toContain(credential.key);
});

it('the other host sees files and vector stores, and finishes the run of one that was killed, once', async () => {
  const [first, second] = hosts;
  if (!first || !second) throw new Error('Two hosts are needed.');
  const { store, file } = await storeWithFile(first.openai());
  const found = await second.openai().vectorStores.search(store.id, { query: 'otters' });
  expect(found.data[0]?.content[0]?.text).toBe(OTTERS);
  expect(await (await second.openai().files.content(file.id)).text()).toBe(OTTERS);

  const { assistant, thread } = await assistantWithThread(first.openai());
  upstream.enqueue(reply.hang(), reply.text('Afloat.'));
  const calls = upstream.calls.chat;
  const run = await first.openai().beta.threads.runs.create(thread.id, { assistant_id: assistant.id });
  await upstream.until(() => upstream.calls.chat === calls + 1);
  await first.kill();

  const { threads } = second.openai().beta;
  const ended = await threads.runs.poll(run.id, { thread_id: thread.id }, { pollIntervalMs: 500 });
  expect(ended.status).toBe('completed');
  const { data } = await threads.messages.list(thread.id, { run_id: run.id });
  expect(data.map((message) => textOf(message).value)).toEqual(['Afloat.']);
  expect(upstream.calls.chat).toBe(calls + 2);
}, 90_000);

/** `npm run test:scaleout` sets 200 of each. */
const RUNS = Number(process.env.TWO_HOST_RUNS ?? 30);
const FILES = Number(process.env.TWO_HOST_FILES ?? 60);
const CLIENTS = 10;

/**
 * A client each of whose requests goes to one host or the other, also to one that is dead. Not in turn: the last client left, who looks and hands in
 * by turns, would hand in to the dead one for ever.
 */
function anyHost(random: () => number): OpenAI {
  const [first] = hosts;
  return new OpenAI({
    baseURL: `${first?.url}/v1`,
    apiKey: first?.key(),
    maxRetries: 0,
    fetch: async (input, init) => {
      const { pathname, search } = new URL(input instanceof Request ? input.url : input);
      return fetch(`${hosts[Math.floor(random() * hosts.length)]?.url}${pathname}${search}`, init);
    },
  });
}

it(
  `two hosts share ${RUNS} runs and a batch of ${FILES} files, and where one is killed halfway, each run ends once, with its answer, each file has its chunks, and no host asks twice`,
  async () => {
    const seed = printedSeed('two hosts');
    const [first, second] = hosts;
    if (!first || !second) throw new Error('Two hosts are needed.');
    const { store } = await storeWithFile(first.openai());
    const assistant = await first.openai().beta.assistants.create({
      model: 'gpt',
      tools: [noteTool, { type: 'file_search' }],
      tool_resources: { file_search: { vector_store_ids: [store.id] } },
    });
    // One call of the first host is never answered: it is surely at work on that run when it is killed. A cancelled run needs no other call.
    let held: string | undefined;
    const model = plannedModel(seededRandom(seed), (call, plan) => {
      if (held !== undefined || plan.cancelled || !call.endsWith('Bearer first')) return false;
      held = call;
      return true;
    });
    const random = seededRandom(seed + 2);
    // So is a call for the batch, which is surely under way then.
    let holdsBatch = false;
    upstream.on((body, request) => {
      if (request.kind !== 'embeddings') return model.handler(body, request);
      const isOfBatch = JSON.stringify(body.input).includes('wide.');
      if (holdsBatch || !isOfBatch || request.headers.authorization !== 'Bearer first')
        return reply.slow(random() * 500);
      holdsBatch = true;
      return reply.hang();
    });
    const turnsOf = (host: string): string[] =>
      [...model.calls.keys()].filter((call) => call.endsWith(`Bearer ${host}`)).map(withoutHost);
    const askedByBoth = (): string[] => turnsOf('second').filter((turn) => turnsOf('first').includes(turn));

    const texts = Array.from(
      { length: FILES },
      (_, n) => `File ${n}. ${'Otters swim far and wide. '.repeat(1 + random() * 100)}`,
    );
    const files = await uploadTexts(second.openai(), texts);
    // Its orchestration is the first host's.
    const batch = await beginBatch(first.openai(), files);
    const openai = anyHost(seededRandom(seed + 1));
    const clients = Array.from({ length: RUNS }, (_, number) => new LoadClient(planOf(number), openai, assistant.id));
    const waiting = [...clients];
    let ended = 0;
    let repeatedWhileBothLived: string[] | undefined;
    let wasUnderWay: boolean | undefined;
    const loop = async (): Promise<void> => {
      for (let client = waiting.shift(); client; client = waiting.shift()) {
        await client.work();
        ended += 1;
        if (ended !== RUNS / 2) continue;
        await first.kill();
        repeatedWhileBothLived = askedByBoth();
        wasUnderWay = (await batchOf(second.openai(), batch)).status === 'in_progress';
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, loop));

    expect([...model.calls].filter(([, count]) => count > 1)).toEqual([]);
    expect(repeatedWhileBothLived).toEqual([]);
    expect(wasUnderWay).toBe(true);
    const faults: string[] = [];
    for (const client of clients) faults.push(...(await faultsOf(client, second.openai())));
    expect(faults).toEqual([]);
    // Both were at work, and what one left the other took over.
    expect(turnsOf('first').length).toBeGreaterThan(5);
    expect(turnsOf('second').length).toBeGreaterThan(5);
    expect(held).toBeDefined();
    expect(askedByBoth()).toContain(withoutHost(held ?? ''));

    const { vectorStores } = second.openai();
    const done = await vectorStores.fileBatches.poll(batch.storeId, batch.id, { pollIntervalMs: 500 });
    expect(done.file_counts).toEqual({ in_progress: 0, completed: FILES, failed: 0, cancelled: 0, total: FILES });
    const wrong: string[] = [];
    for (const [index, id] of files.entries()) {
      const chunks = [];
      for await (const chunk of vectorStores.files.content(id, { vector_store_id: batch.storeId })) chunks.push(chunk);
      const { length } = await chunkText([{ text: texts[index] ?? '' }], CHUNKS);
      if (chunks.length !== length) wrong.push(`File ${index} has ${chunks.length} chunks of ${length}.`);
    }
    expect(wrong).toEqual([]);
  },
  240_000 + RUNS * 3_000,
);

const CHUNKS = { maxChunkTokens: 100, overlapTokens: 50 };

interface Batch {
  id: string;
  storeId: string;
}

async function beginBatch({ vectorStores }: OpenAI, file_ids: string[]): Promise<Batch> {
  const { id: storeId } = await vectorStores.create({});
  const { maxChunkTokens: max_chunk_size_tokens, overlapTokens: chunk_overlap_tokens } = CHUNKS;
  const { id } = await vectorStores.fileBatches.create(storeId, {
    file_ids,
    chunking_strategy: { type: 'static', static: { max_chunk_size_tokens, chunk_overlap_tokens } },
  });
  return { id, storeId };
}

const batchOf = async ({ vectorStores }: OpenAI, { id, storeId }: Batch) =>
  vectorStores.fileBatches.retrieve(id, { vector_store_id: storeId });

const withoutHost = (call: string): string => call.replace(/, Bearer .*/, '');
