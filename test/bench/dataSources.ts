/**
 * What chat on your data costs beyond its sources and its model, on the test sources and a scripted upstream, which answer at once. Sources, upstream and
 * client share a process; the host has its own.
 */
import type OpenAI from 'openai';
import { azureSearch } from '../../src/adapters/dataSources/azureSearch';
import { cosmosDb } from '../../src/adapters/dataSources/cosmosDb';
import { elasticsearch } from '../../src/adapters/dataSources/elasticsearch';
import { createMongoClients } from '../../src/adapters/dataSources/mongoClients';
import { mongoDb } from '../../src/adapters/dataSources/mongoDb';
import { pinecone } from '../../src/adapters/dataSources/pinecone';
import { createOutgoingGuard } from '../../src/adapters/outgoingGuard';
import { readAllowedHosts } from '../../src/allowedHosts';
import { openDataSource } from '../../src/dataSources/openDataSource';
import type { DataSourceOpeners } from '../../src/dataSources/ports';
import { dataSource } from '../../src/wire/dataSources';
import { startFiveSources, type FiveSources } from '../sources/fiveSources';
import { startHost, type Host } from '../support/host';
import { answerWith } from '../support/petStore';
import { startScriptedUpstream } from '../support/scriptedUpstream';
import { wordVector } from '../support/wordVectors';
import { percentile } from './runLoad';

const QUERY = 'How long does the warranty of the pump last?';
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 300);
const WARMING = 30;
/** As the pipeline asks. */
const LIMIT = 20;

type Source = FiveSources['sources'][number];

/** Compares the sources; a Markdown table. */
export async function benchDataSources(): Promise<string> {
  const five = await startFiveSources({ deployment: 'embed' });
  try {
    const beyond = await retrievalOverheads(five);
    const added = await firstTokensAdded(five);
    const rows = five.sources.map(({ type }) => {
      const cells = [beyond.get(type), added.get(type)].flatMap((times = []) => [
        percentile(times, 0.5).toFixed(1),
        percentile(times, 0.95).toFixed(1),
      ]);
      return `| ${type} | ${cells.join(' | ')} |`;
    });
    return [
      '## Chat on your data',
      '',
      "Milliseconds. Retrieval: a query of a source that is open, without the source's own time. First token: of a stream, what `data_sources` adds to the same stream without",
      `them, the sources' own time taken off; it holds the call that writes the queries, the one that embeds them, and the larger prompt. One at a time, ${ROUNDS} of each.`,
      '',
      '| source | retrieval, p50 | p95 | first token added, p50 | p95 |',
      '|---|---|---|---|---|',
      ...rows,
    ].join('\n');
  } finally {
    await five.close();
  }
}

/** Of each source the milliseconds that each of its queries took beyond its own. */
async function retrievalOverheads({ sources, env, ownMilliseconds }: FiveSources): Promise<Map<string, number[]>> {
  const guard = createOutgoingGuard({ allowedHosts: readAllowedHosts(env.DATA_SOURCE_ALLOWED_HOSTS) });
  const clients = createMongoClients({ guard, logFault: (_, fault) => console.error(fault) });
  const openers: DataSourceOpeners = {
    azure_search: azureSearch({ guard }),
    azure_cosmos_db: cosmosDb(clients),
    elasticsearch: elasticsearch({ guard }),
    mongo_db: mongoDb(clients),
    pinecone: pinecone({ guard, controllerHost: env.PINECONE_CONTROLLER_HOST }),
  };
  const { signal } = new AbortController();
  const vector = wordVector(QUERY);
  const query = async (source: Source): Promise<number> => {
    const began = performance.now();
    const ownBefore = ownMilliseconds();
    // Each request opens its source; clients and what is known of the index are kept.
    const opened = await openDataSource(
      openers,
      dataSource.parse(source),
      { tenant: 'bench', project: 'bench' },
      signal,
    );
    const found = await opened.search({ text: QUERY, limit: LIMIT, ...(opened.wantsVector && { vector }) }, signal);
    const taken = performance.now() - began - (ownMilliseconds() - ownBefore);
    if (found[0]?.title !== 'Warranty') throw new Error(`${source.type} found something else.`);
    return taken;
  };
  const times = await byTurns(sources, ({ type }) => type, query);
  await clients.close();
  await guard.close();
  return times;
}

/** Of each source the milliseconds that it adds before the first token. */
async function firstTokensAdded({ sources, env, ownMilliseconds }: FiveSources): Promise<Map<string, number[]>> {
  const upstream = await startScriptedUpstream();
  answerWith(upstream, 'Two years [doc1].', [QUERY]);
  const host = await startHost({ env: { ...env, OPENAI_BASE_URL: upstream.url, LOCAL_HOST_QUIET: '1' } });
  try {
    const times = await byTurns<Source | undefined>(
      [undefined, ...sources],
      (source) => source?.type ?? '',
      async (source) => {
        const ownBefore = ownMilliseconds();
        const taken = await firstToken(host, source);
        upstream.requests.length = 0;
        return taken - (ownMilliseconds() - ownBefore);
      },
    );
    const without = percentile(times.get('') ?? [], 0.5);
    return new Map([...times].map(([type, taken]) => [type, taken.map((each) => each - without)]));
  } finally {
    await host.stop();
    await upstream.close();
  }
}

async function firstToken(host: Host, source: Source | undefined): Promise<number> {
  const body: OpenAI.ChatCompletionCreateParamsStreaming & { data_sources?: Source[] } = {
    model: 'gpt',
    messages: [{ role: 'user', content: QUERY }],
    stream: true,
    ...(source && { data_sources: [source] }),
  };
  const began = performance.now();
  let first: number | undefined;
  for await (const { choices } of await host.openai().chat.completions.create(body)) {
    if (choices[0]?.delta.content) first ??= performance.now() - began;
  }
  if (first === undefined) throw new Error('A stream had no text.');
  return first;
}

/** Measures each in turn, so that what else goes on meets all alike. */
async function byTurns<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  measure: (item: Item) => Promise<number>,
): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>(items.map((item) => [nameOf(item), []]));
  for (let round = -WARMING; round < ROUNDS; round++) {
    for (const item of items) {
      const taken = await measure(item);
      if (round >= 0) times.get(nameOf(item))?.push(taken);
    }
  }
  return times;
}
