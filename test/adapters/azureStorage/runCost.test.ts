/** What a run costs in requests to the storage account, counted by a proxy before each of its services. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assistantWithThread, storeWithFile, weather } from '../../support/assistantFixtures';
import { connectionStringTo, startAzurite, type Azurite } from '../../support/azurite';
import { startHost, type Host } from '../../support/host';
import { eventually } from '../../support/polling';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../../support/scriptedUpstream';
import { startStorageProxy, type Exchange, type StorageProxy } from '../../support/storageProxy';

let azurite: Azurite;
let proxies: { blob: StorageProxy; table: StorageProxy };
let upstream: ScriptedUpstream;
let host: Host;

beforeAll(async () => {
  azurite = await startAzurite();
  const { blobUrl, tableUrl } = azurite.account;
  proxies = {
    blob: await startStorageProxy(new URL(blobUrl).origin),
    table: await startStorageProxy(new URL(tableUrl).origin),
  };
  upstream = await startScriptedUpstream();
  host = await startHost({
    env: {
      STORAGE: 'azure',
      STORAGE_PREFIX: azurite.newPrefix(),
      AzureWebJobsStorage: connectionStringTo({ blob: proxies.blob.url, table: proxies.table.url }),
      OPENAI_BASE_URL: upstream.url,
      OPENAI_API_KEY: 'up',
    },
  });
}, 60_000);
afterAll(async () => {
  await host.stop();
  await upstream.close();
  await Promise.all([proxies.blob.close(), proxies.table.close()]);
  await azurite.stop();
});

const kinds = ['batch', 'get', 'query', 'due', 'blob'] as const;

function kindOf({ method, path }: Exchange): (typeof kinds)[number] {
  const url = decodeURIComponent(path);
  if (url.endsWith('/$batch')) return 'batch';
  if (url.includes('!due!')) return 'due';
  return method === 'GET' && url.includes('RowKey=') ? 'get' : 'query';
}

/** Requests of the work, but for the sweep's, which looks for due records every 5 s whether or not something runs. */
async function cost(name: string, work: () => Promise<unknown>): Promise<Record<string, number>> {
  await sleep(300);
  for (const proxy of [proxies.blob, proxies.table]) proxy.exchanges.length = 0;
  await work();
  await sleep(300); // what follows the answer, such as the removal of a due record
  const counts: Record<string, number> = Object.fromEntries(kinds.map((kind) => [kind, 0]));
  const seen = proxies.table.exchanges.filter(
    ({ method, path }) => !(method === 'GET' && decodeURIComponent(path).includes('!due!')),
  );
  for (const exchange of seen) counts[kindOf(exchange)] = (counts[kindOf(exchange)] ?? 0) + 1;
  counts.blob = proxies.blob.exchanges.length;
  counts.all = seen.length + proxies.blob.exchanges.length;
  console.info(`${name}: ${JSON.stringify(counts)}`);
  return counts;
}

/** Reads, writes and requests for blobs of a row of the table in docs/deploy.md. */
function documented(what: string): number[] {
  const text = readFileSync(join(__dirname, '../../../docs/deploy.md'), 'utf8');
  const row = text.split(/\r?\n/).find((line) => line.startsWith(`| ${what} |`));
  if (!row) throw new Error(`docs/deploy.md has no row '${what}'.`);
  return row.split('|').slice(2, 5).map(Number);
}

it('is what docs/deploy.md reckons with', async () => {
  const client = host.openai();
  const { messages, runs } = client.beta.threads;
  const { assistant, thread } = await assistantWithThread(client);
  const assistant_id = assistant.id;
  const question = { role: 'user' as const, content: 'How?' };
  const streamed = async () => runs.stream(thread.id, { assistant_id }).finalRun();
  await streamed(); // caches and connections
  const polled = async () => {
    const { id } = await runs.create(thread.id, { assistant_id });
    // Its due record goes with its end; to look at the run meanwhile would count.
    await eventually('the end of the run', async () =>
      proxies.table.exchanges.find(
        ({ method, path }) => method === 'DELETE' && decodeURIComponent(path).includes('!due!'),
      ),
    );
    expect((await runs.retrieve(id, { thread_id: thread.id })).status).toBe('completed');
  };
  const works: [string, () => Promise<unknown>][] = [
    ['thread with a message', async () => client.beta.threads.create({ messages: [question] })],
    ['another message', async () => messages.create(thread.id, question)],
    ['run, polled, with one look at it', polled],
    ['run, streamed', streamed],
  ];
  for (const [what, work] of works) {
    const { get = 0, query = 0, batch = 0, due = 0, blob = 0 } = await cost(what, work);
    expect([what, get + query, batch + due, blob]).toEqual([what, ...documented(what)]);
  }
}, 60_000);

it('stays within its bound, streamed and polled, with functions and with a search', async () => {
  const client = host.openai();
  const { runs } = client.beta.threads;
  const { assistant, thread } = await assistantWithThread(client);
  const streamed = async () => runs.stream(thread.id, { assistant_id: assistant.id }).finalRun();
  await streamed(); // caches and connections
  expect((await cost('streamed run', streamed)).all).toBeLessThanOrEqual(14);

  const polled = async () => runs.createAndPoll(thread.id, { assistant_id: assistant.id }, { pollIntervalMs: 1000 });
  // Two requests for each look of the caller.
  expect((await cost('polled run', polled)).all).toBeLessThanOrEqual(20);

  const caller = await assistantWithThread(client, { tools: [weather] });
  const withFunction = async () => {
    upstream.enqueue(
      reply.toolCalls([{ id: 'call_1', name: 'get_weather', arguments: { city: 'Oslo' } }]),
      reply.text('Cold.'),
    );
    const run = await runs.stream(caller.thread.id, { assistant_id: caller.assistant.id }).finalRun();
    const outputs = { thread_id: caller.thread.id, tool_outputs: [{ tool_call_id: 'call_1', output: 'snow' }] };
    await runs.submitToolOutputsStream(run.id, outputs).finalRun();
  };
  expect((await cost('streamed run with a function', withFunction)).all).toBeLessThanOrEqual(30);

  const { store } = await storeWithFile(client);
  const searcher = await assistantWithThread(client, {
    tools: [{ type: 'file_search' }],
    tool_resources: { file_search: { vector_store_ids: [store.id] } },
  });
  const withSearch = async () => {
    upstream.enqueue(
      reply.toolCalls([{ id: 'call_2', name: 'file_search', arguments: { queries: ['otters'] } }]),
      reply.text('Afloat.'),
    );
    await runs.stream(searcher.thread.id, { assistant_id: searcher.assistant.id }).finalRun();
  };
  expect((await cost('streamed run with a search', withSearch)).all).toBeLessThanOrEqual(80);
}, 60_000);
