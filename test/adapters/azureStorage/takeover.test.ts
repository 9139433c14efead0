/** Two hosts on one storage account: what one leaves behind, the other takes over. */
import { assistantWithThread, OTTERS, storeWithFile, textOf } from '../../support/assistantFixtures';
import { startAzurite, type Azurite } from '../../support/azurite';
import { startHost, type Host } from '../../support/host';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../../support/scriptedUpstream';

let azurite: Azurite;
let upstream: ScriptedUpstream;
let hosts: Host[];

beforeAll(async () => {
  azurite = await startAzurite();
  upstream = await startScriptedUpstream();
  const env = {
    STORAGE: 'azure',
    STORAGE_PREFIX: azurite.newPrefix(),
    AzureWebJobsStorage: azurite.connectionString,
    OPENAI_BASE_URL: upstream.url,
    OPENAI_API_KEY: 'up',
  };
  hosts = await Promise.all([startHost({ env }), startHost({ env })]);
}, 60_000);
afterAll(async () => {
  await Promise.all(hosts.map(async (host) => host.stop()));
  await upstream.close();
  await azurite.stop();
});

it('says at its start where the state is, and not the key', () => {
  const { credential, name } = azurite.account;
  expect(hosts[0]?.output()).toContain(`Storage: the Azure storage account ${name}.`);
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
