/** The limits of tenants count whatever calls a model service for them. */
import { storeWithFile } from '../support/assistantFixtures';
import { startHost, type Host, type Tenant } from '../support/host';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeEach(async () => {
  upstream = await startScriptedUpstream();
  const MODEL_BACKENDS = JSON.stringify({
    backends: [{ name: 'one', kind: 'openai', base_url: upstream.url }],
    tenant_limits: { '*': { requests_per_minute: 1_000, tokens_per_minute: 200_000 } },
  });
  host = await startHost({ env: { MODEL_BACKENDS, EMBEDDING_DEPLOYMENT: 'embed' } });
});
afterEach(async () => {
  await host.stop();
  await upstream.close();
});

/** Requests of this minute, that of asking included; the minute in which they were asked for. */
async function used(tenant: Tenant): Promise<[count: number, minute: number]> {
  const answer = await fetch(`${host.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'api-key': host.key(tenant), 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  await answer.text();
  return [1_000 - Number(answer.headers.get('x-ratelimit-remaining-requests')), Math.floor(Date.now() / 60_000)];
}

/** What `work` adds; done again where the minute turns, in which the count begins anew. */
async function added(work: () => Promise<unknown>, tenant: Tenant): Promise<number> {
  for (;;) {
    const [before, minute] = await used(tenant);
    await work();
    const [after, end] = await used(tenant);
    if (minute === end) return after - before - 1;
  }
}

it('a run counts for its tenant and no other', async () => {
  const client = host.openai();
  const assistant = await client.beta.assistants.create({ model: 'm' });
  const run = async () => {
    const { status } = await client.beta.threads.createAndRunPoll(
      { assistant_id: assistant.id, thread: { messages: [{ role: 'user', content: 'Hello' }] } },
      { pollIntervalMs: 30 },
    );
    expect(status).toBe('completed');
  };
  expect(await added(run, 'alpha')).toBe(1);
  expect(await added(run, 'beta')).toBe(0);
});

it('the ingestion of a file and a search in it count', async () => {
  const client = host.openai();
  let id = '';
  expect(await added(async () => ({ id } = (await storeWithFile(client)).store), 'alpha')).toBe(1);
  expect(await added(async () => client.vectorStores.search(id, { query: 'otters' }), 'alpha')).toBe(1);
});

it('a picture counts as one, however many bytes it has', async () => {
  const url = `data:image/png;base64,${Buffer.alloc(900_000).toString('base64')}`;
  const content = [{ type: 'image_url' as const, image_url: { url } }];
  const answer = await host.openai().chat.completions.create({ model: 'm', messages: [{ role: 'user', content }] });
  expect(answer.choices).toHaveLength(1);
});
