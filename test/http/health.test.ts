/** The probes of a started host, which need no key. */
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { reply, startScriptedUpstream } from '../support/scriptedUpstream';

const hosts: Host[] = [];
const started = async (env: Record<string, string>): Promise<Host> => {
  const host = await startHost({ env });
  hosts.push(host);
  return host;
};
afterEach(async () => {
  await Promise.all(hosts.splice(0).map(async (host) => host.stop()));
});

const probe = async (host: Host, path: string) => {
  const answer = await fetch(`${host.url}/health/${path}`);
  return { status: answer.status, body: (await answer.json()) as unknown };
};

it('a host is live, and ready when its records, blobs, vectors and orchestrations answer', async () => {
  const host = await started({});
  expect(await probe(host, 'live')).toEqual({ status: 200, body: { status: 'live' } });
  const ok = { status: 'ok', milliseconds: expect.any(Number) };
  expect(await probe(host, 'ready')).toEqual({
    status: 200,
    body: { status: 'ready', checks: { records: ok, blobs: ok, vectors: ok, orchestrations: ok }, models: {} },
  });
});

it('a model service that keeps failing is shown, by what its calls told, and leaves the host ready', async () => {
  const upstream = await startScriptedUpstream();
  try {
    const host = await started({ OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'upstream-key' });
    expect(await probe(host, 'ready')).toMatchObject({ status: 200, body: { models: { openai: 'ok' } } });
    upstream.enqueue(...Array.from({ length: 20 }, () => reply.status(500)));
    const call = { model: 'chat', messages: [{ role: 'user' as const, content: 'Hello' }] };
    await eventually('the circuit is open', async () => {
      await expect(host.openai().chat.completions.create(call)).rejects.toMatchObject({ status: expect.any(Number) });
      return JSON.stringify((await probe(host, 'ready')).body).includes('failing') || undefined;
    });
    const before = upstream.requests.length;
    expect(await probe(host, 'ready')).toMatchObject({ status: 200, body: { models: { openai: 'failing' } } });
    expect(upstream.requests).toHaveLength(before);
  } finally {
    await upstream.close();
  }
});

it('a host whose storage account cannot be reached is live and not ready, and shows no secret of it', async () => {
  const key = Buffer.from('a-secret-key').toString('base64');
  const at = (port: number) => `http://127.0.0.1:${port}/account`;
  const host = await started({
    STORAGE: 'azure',
    AzureWebJobsStorage: `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${key};BlobEndpoint=${at(9)};TableEndpoint=${at(9)};QueueEndpoint=${at(9)}`,
  });
  expect(await probe(host, 'live')).toMatchObject({ status: 200 });
  const { status, body } = await probe(host, 'ready');
  expect(status).toBe(503);
  expect(body).toMatchObject({ status: 'unready', checks: { orchestrations: { status: 'ok' } }, models: {} });
  expect(JSON.stringify(body)).not.toContain(key);
  expect(Object.keys(Object(body).checks)).toEqual(['records', 'blobs', 'vectors', 'orchestrations']);
});
