/**
 * 2,000 generated `data_sources` bodies against a host over HTTP: whatever they hold, the answer is no fault of the server, no secret comes
 * back or into the log, and nobody connects to an address that is refused. `SEED` brings a printed seed back.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { printedSeed, seededRandom } from '../conformance/seededRandom';
import { startFiveSources, type FiveSources } from '../sources/fiveSources';
import type { MongoCollection } from '../sources/mongoSearch';
import { startMongoServer } from '../sources/mongoServer';
import { startRestServer } from '../sources/restServer';
import { startHost } from '../support/host';
import { startScriptedUpstream, wordVector } from '../support/scriptedUpstream';
import { CONTENT, corpus } from '../adapters/dataSources/mongoFixtures';

const BODIES = 2_000;
const AT_ONCE = 16;
const SECRET = 'never-shown-9f2b';

interface Random {
  pick<Value>(values: readonly Value[]): Value;
  /** True in one of `times` cases. */
  oneIn(times: number): boolean;
}

function randomOf(seed: number): Random {
  const next = seededRandom(seed);
  return {
    pick(values) {
      for (const value of values.slice(Math.floor(next() * values.length))) return value;
      throw new Error('Nothing to pick from.');
    },
    oneIn: (times) => next() * times < 1,
  };
}

interface Addresses {
  /** Host and port, which may be reached. */
  allowed: string[];
  /** Of the listener that nobody may reach. */
  forbiddenPort: number;
  /** That answer. */
  sources: FiveSources['sources'];
}

/** The corpus with vectors of the upstream's embeddings. */
const wordPages = (): MongoCollection => ({
  documents: corpus().documents.map((page) => ({ ...page, vector: [...wordVector(String(page.content))] })),
  indexes: [{ name: 'vectors', path: 'vector', dimensions: wordVector('').length }],
});

/** A listener that counts who comes. */
async function listener() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('It does not listen.');
  return { port: address.port, connections: () => connections, close: () => server.close() };
}

/** Spellings of addresses that must not be reached, and names that do not exist; none is of the open Internet. */
function hostOf(random: Random, { allowed, forbiddenPort }: Addresses): string {
  const forbidden = [
    '127.0.0.1',
    'localhost',
    'localhost.',
    '127.1',
    '0.0.0.0',
    '0x7f.1',
    '2130706433',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::]',
  ];
  const elsewhere = [
    '169.254.169.254',
    '10.0.0.1',
    '192.168.0.1',
    '[fd00::1]',
    'nowhere.invalid',
    'x.sock',
    '%2Frun%2Fx.sock',
    '',
    ' ',
  ];
  if (random.oneIn(2)) return random.pick(allowed);
  return random.pick([
    ...forbidden.map((host) => `${host}:${forbiddenPort}`),
    ...elsewhere,
    `u:${SECRET}@127.0.0.1:${forbiddenPort}`,
    `${allowed[0]}@127.0.0.1:${forbiddenPort}`,
    `${allowed[0]},127.0.0.1:${forbiddenPort}`,
  ]);
}

const junk = (random: Random): unknown =>
  random.pick<unknown>([
    null,
    true,
    -1,
    0,
    1e308,
    '',
    ' ',
    '\u0000',
    '$where',
    '../../x',
    '𝒳'.repeat(50),
    'a'.repeat(5_000),
    [],
    {},
    [null],
    { $ne: 1 },
    { type: 'api_key' },
    [[[[[]]]]],
  ]);

function authenticationOf(random: Random, hosts: string): unknown {
  return random.pick<unknown>([
    { type: 'api_key', key: SECRET },
    { type: 'access_token', access_token: SECRET },
    { type: 'system_assigned_managed_identity' },
    { type: 'user_assigned_managed_identity', managed_identity_resource_id: '/subscriptions/x' },
    { type: 'connection_string', connection_string: `mongodb://reader:${SECRET}@${hosts}/` },
    {
      type: 'connection_string',
      connection_string: `mongodb://reader:${SECRET}@${hosts}/?proxyHost=127.0.0.1&tlsCAFile=/etc/passwd`,
    },
    { type: 'key_and_key_id', key: SECRET, key_id: 'id' },
    { type: 'encoded_api_key', encoded_api_key: SECRET },
    { type: 'username_and_password', username: 'reader', password: SECRET },
  ]);
}

function embeddingOf(random: Random, host: string): unknown {
  return random.pick<unknown>([
    undefined,
    { type: 'deployment_name', deployment_name: random.pick(['embed', 'no-such']), dimensions: 3 },
    {
      type: 'endpoint',
      endpoint: `http://${host}/openai/deployments/e/embeddings`,
      authentication: { type: 'api_key', key: SECRET },
    },
    { type: 'integrated' },
    { type: 'model_id', model_id: 'm' },
  ]);
}

/** A source that is well made for the most part. */
function sourceOf(random: Random, addresses: Addresses): Record<string, unknown> {
  if (random.oneIn(5)) return random.oneIn(2) ? deepSource(random, addresses) : nearSource(random, addresses);
  return anySource(random, addresses);
}

/** One that answers, with one or two parameters changed. */
function nearSource(random: Random, { sources }: Addresses): Record<string, unknown> {
  const { type, parameters: working } = random.pick(sources);
  const parameters: Record<string, unknown> = { ...working, strictness: 1 };
  const content = ['content', 'title', 'no-such', '*', 'a,b', "x'y", '_id', 'contentvector'];
  for (let changes = random.pick([0, 1, 1, 2]); changes > 0; changes--) {
    const name = random.pick(['query_type', 'fields_mapping', 'filter', 'index_name', 'embedding_dependency', 'any']);
    const values: Record<string, () => unknown> = {
      query_type: () =>
        random.pick(['simple', 'semantic', 'vector', 'vector_simple_hybrid', 'vector_semantic_hybrid', undefined]),
      fields_mapping: () =>
        random.pick([
          undefined,
          { content_fields: [random.pick(content)], vector_fields: [random.pick(content)] },
          { content_fields: ['content'], image_vector_fields: [random.pick(content), 'image_vector'] },
        ]),
      filter: () => random.pick(["category eq 'care'", "category eq ''' or '", ')(', '']),
      index_name: () => random.pick(['no-such', '../_cluster', 'library/_search?x=', 'library%2F', "library')"]),
      embedding_dependency: () => embeddingOf(random, '127.0.0.1:1'),
    };
    const value = values[name];
    parameters[value ? name : random.pick(Object.keys(parameters))] = value ? value() : junk(random);
  }
  return { type, parameters };
}

/** One that is asked: only names inside it vary. */
const deepSource = (random: Random, { allowed }: Addresses): Record<string, unknown> => ({
  type: 'mongo_db',
  parameters: {
    authentication: {
      type: 'username_and_password',
      username: random.pick(['reader', 'reader', 'reader', 'nobody']),
      password: SECRET,
    },
    endpoint: `mongodb://${random.pick(allowed)}/`,
    app_name: 'app',
    database_name: random.pick(['library', 'library', 'library', 'no-such', 'a.b', '$x']),
    collection_name: random.pick(['pages', 'pages', 'pages', 'pages', 'system.users', '$cmd', '.', '\u0000']),
    index_name: random.pick(['vectors', 'vectors', 'vectors', 'no-such', '$x', '\u0000']),
    fields_mapping: {
      content_fields: random.pick([['content'], CONTENT, ['_id'], ['vector'], ['a.0.b'], Array(100).fill('content')]),
      vector_fields: random.pick([['vector'], ['vector'], ['title'], Array(100).fill('vector')]),
    },
    embedding_dependency: { type: 'deployment_name', deployment_name: 'embed' },
    top_n_documents: random.pick([1, 100]),
  },
});

function anySource(random: Random, addresses: Addresses): Record<string, unknown> {
  const host = hostOf(random, addresses);
  const type = random.pick([
    'azure_search',
    'azure_cosmos_db',
    'elasticsearch',
    'mongo_db',
    'pinecone',
    'vector_store',
  ]);
  const own: Record<string, unknown> = {
    azure_search: { type: 'api_key', key: SECRET },
    azure_cosmos_db: { type: 'connection_string', connection_string: `mongodb://reader:${SECRET}@${host}/` },
    elasticsearch: { type: 'encoded_api_key', encoded_api_key: SECRET },
    mongo_db: { type: 'username_and_password', username: 'reader', password: SECRET },
    pinecone: { type: 'api_key', key: SECRET },
  };
  const parameters: Record<string, unknown> = {
    authentication: random.oneIn(8) ? authenticationOf(random, host) : own[type],
    endpoint: random.pick(
      type === 'mongo_db'
        ? [`mongodb://${host}/`, host, `mongodb+srv://${host}/`]
        : [`http://${host}/`, `http://${host}/x?y`],
    ),
    index_name: random.pick(['vectors', 'vectors', 'no-such', '../x']),
    database_name: random.pick(['library', 'library', 'library', 'no-such', 'a.b', '$x']),
    collection_name: random.pick(['pages', 'pages', 'pages', 'no-such', '$cmd', '.']),
    container_name: random.pick(['pages', 'pages', 'pages', 'no-such']),
    app_name: random.pick(['app', 'a'.repeat(200)]),
    environment: random.pick(['gcp-starter', `127.0.0.1:${addresses.forbiddenPort}/`, 'x@y']),
    query_type: random.pick(
      type === 'azure_search'
        ? [undefined, 'simple', 'semantic', 'vector', 'vector_simple_hybrid', 'vector_semantic_hybrid']
        : [undefined, 'simple', 'vector'],
    ),
    fields_mapping: random.pick<unknown>([
      { content_fields: ['content'], vector_fields: ['vector'], title_field: 'title' },
      { content_fields: CONTENT, vector_fields: ['vector'] },
      { content_fields: ['$$ROOT'], vector_fields: ['vector'], title_field: 'a..b' },
    ]),
    embedding_dependency: random.oneIn(3)
      ? embeddingOf(random, host)
      : { type: 'deployment_name', deployment_name: 'embed' },
    strictness: random.oneIn(30) ? 6 : random.pick([undefined, 1, 5]),
    top_n_documents: random.pick([undefined, 1, 100]),
    vector_store_ids: ['vs_none'],
    in_scope: random.pick([undefined, true, false]),
    filter: random.pick([undefined, "a eq 'b'", ")(')"]),
  };
  // One of four bodies has something that does not belong there.
  for (let faults = random.oneIn(4) ? random.pick([1, 2, 3]) : 0; faults > 0; faults--) {
    parameters[random.pick(Object.keys(parameters))] = junk(random);
  }
  return random.oneIn(40) ? { type: junk(random), parameters } : { type, parameters };
}

it(`${BODIES} generated bodies meet no fault of the server, and lead nowhere`, async () => {
  const random = randomOf(printedSeed('data_sources'));
  const forbidden = await listener();
  const upstream = await startScriptedUpstream();
  const five = await startFiveSources({ deployment: 'embed' });
  const mongo = await startMongoServer({
    dialect: 'atlas',
    users: [{ name: 'reader', password: SECRET }],
    collections: { 'library.pages': wordPages() },
  });
  const liar = await startMongoServer({
    dialect: 'vcore',
    users: [{ name: 'reader', password: SECRET }],
    collections: {},
    members: (own) => [own, `127.0.0.1:${forbidden.port}`, `localhost:${forbidden.port}`, '/run/x.sock'],
  });
  const redirect = await startRestServer(() => ({
    status: 302,
    headers: { location: `http://127.0.0.1:${forbidden.port}/` },
  }));
  const allowed = [mongo.host, liar.host, new URL(redirect.url).host];
  const host = await startHost({
    env: {
      OPENAI_BASE_URL: upstream.url,
      ...five.env,
      DATA_SOURCE_ALLOWED_HOSTS: [...allowed, five.env.DATA_SOURCE_ALLOWED_HOSTS].join(','),
    },
  });
  const statuses = new Map<string, number>();
  const wrong: string[] = [];

  async function send(body: string): Promise<void> {
    const answer = await fetch(`${host.url}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'api-key': host.key() },
      body,
      signal: AbortSignal.timeout(60_000),
    });
    const text = await answer.text();
    const code = /"code": ?"(\w+)"/.exec(text)?.[1] ?? '';
    const outcome = `${answer.status} ${code}`.trim();
    statuses.set(outcome, (statuses.get(outcome) ?? 0) + 1);
    if (answer.status >= 500 || text.includes(SECRET))
      wrong.push(`${answer.status} ${text.slice(0, 500)} for ${body.slice(0, 2_000)}`);
  }

  try {
    const bodies = Array.from({ length: BODIES }, () => {
      const sources = Array.from({ length: random.oneIn(30) ? 2 : 1 }, () =>
        sourceOf(random, { allowed, forbiddenPort: forbidden.port, sources: five.sources }),
      );
      const data_sources = random.oneIn(60) ? junk(random) : sources;
      return JSON.stringify({
        messages: [{ role: 'user', content: 'What moves the sea?' }],
        stream: random.oneIn(4),
        data_sources,
      });
    });
    const senders = Array.from({ length: AT_ONCE }, async () => {
      for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) await send(body);
    });
    await Promise.all(senders);
    console.info(`Answers: ${JSON.stringify(Object.fromEntries([...statuses].sort()))}`);
    expect(wrong).toEqual([]);
    expect(forbidden.connections()).toBe(0);
    expect(host.output()).not.toContain(SECRET);
    // The bodies are not all refused for their form.
    expect(mongo.commands.filter((name) => name === 'aggregate').length).toBeGreaterThan(0);
    expect(statuses.get('200') ?? 0).toBeGreaterThan(20);
    expect(redirect.requests.length).toBeGreaterThan(0);
    expect(liar.accepted()).toBeGreaterThan(0);
  } finally {
    await host.stop();
    await Promise.all([mongo, liar, redirect, five, upstream].map((server) => server.close()));
    forbidden.close();
  }
}, 300_000);
