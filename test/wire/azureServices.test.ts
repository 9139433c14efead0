/** Vector stores whose index is Azure AI Search, and code that a session pool runs, behind the package's own operations. */
import type OpenAI from 'openai';
import { Refusal, startRestServer, type RestServer } from '../sources/restServer';
import { startHost, type Host } from '../support/host';
import { soon } from '../support/polling';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { SEARCH_KEY, startSearchService, type SearchService } from '../support/searchService';
import { POOL_TOKEN, startSessionPool, type SessionPool } from '../support/sessionPool';

let search: SearchService;
let pool: SessionPool;
let identity: RestServer;
let upstream: ScriptedUpstream;
let host: Host;

beforeAll(async () => {
  search = await startSearchService();
  search.lag = 2;
  pool = await startSessionPool();
  upstream = await startScriptedUpstream();
  identity = await startRestServer(({ query }) => {
    if (query.get('resource') !== 'https://dynamicsessions.io') throw new Refusal({ status: 400, body: {} });
    const expires_on = String(Math.floor(Date.now() / 1_000) + 3_600);
    return { status: 200, body: { access_token: POOL_TOKEN, expires_on, token_type: 'Bearer' } };
  });
  host = await startHost({
    env: {
      OPENAI_BASE_URL: upstream.url,
      OPENAI_API_KEY: 'k',
      VECTOR_INDEX: 'azure_search',
      AZURE_SEARCH_ENDPOINT: search.url,
      AZURE_SEARCH_API_KEY: SEARCH_KEY,
      CODE_INTERPRETER: 'session_pool',
      SESSION_POOL_ENDPOINT: pool.url,
      IDENTITY_ENDPOINT: `${identity.url}/msi/token`,
      IDENTITY_HEADER: 'header',
    },
  });
}, 60_000);
afterAll(async () => {
  await host.stop();
  for (const server of [search, pool, identity, upstream]) await server.close();
});

it('ingests, searches and forgets with Azure AI Search, each tenant its own', async () => {
  const client = host.openai();
  const store = await client.vectorStores.create({});
  const file = new File(['Otters sleep afloat and hold hands.'], 'otter.txt');
  await client.vectorStores.files.uploadAndPoll(store.id, file, soon);
  const { data } = await client.vectorStores.search(store.id, { query: 'Where do otters sleep?' });
  expect(data).toMatchObject([{ filename: 'otter.txt', content: [{ text: 'Otters sleep afloat and hold hands.' }] }]);
  expect(search.visible('vector-stores')).toMatchObject([{ tenant: 'alpha', store: store.id }]);
  await expect(host.openai('beta').vectorStores.search(store.id, { query: 'otters' })).rejects.toMatchObject({
    status: 404,
  });
  await client.vectorStores.delete(store.id);
  expect(search.visible('vector-stores')).toEqual([]);
}, 60_000);

it('runs the code of a run in a session of the pool, with the files of the thread', async () => {
  const client: OpenAI = host.openai();
  const file = await client.files.create({ file: new File(['a,b\n1,2\n'], 'in.csv'), purpose: 'assistants' });
  const assistant = await client.beta.assistants.create({ model: 'gpt-4.1', tools: [{ type: 'code_interpreter' }] });
  const thread = await client.beta.threads.create({
    messages: [
      {
        role: 'user',
        content: 'Sum it.',
        attachments: [{ file_id: file.id, tools: [{ type: 'code_interpreter' }] }],
      },
    ],
  });
  const code = "print(open('/mnt/data/in.csv').read().split()[1])\nopen('/mnt/data/sum.txt', 'w').write('3');";
  upstream.enqueue(reply.toolCalls([{ name: 'code_interpreter', arguments: { code } }]), reply.text('It is 3.'));
  const run = await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  expect(run).toMatchObject({ status: 'completed', last_error: null });
  const steps = await client.beta.threads.runs.steps.list(run.id, { thread_id: thread.id });
  expect(JSON.stringify(steps.data)).toContain('"logs":"1,2\\n"');
  const written = (await client.files.list({ purpose: 'assistants_output' })).data;
  expect(written.map(({ filename }) => filename)).toEqual(['sum.txt']);
  expect(await (await client.files.content(written[0]?.id ?? '')).text()).toBe('3');
}, 90_000);
