import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import './fixtures/sampleFunctions';
import { ended, reached, startHost, until, type DurableHost } from './fixtures/durableHost';

jest.mock(
  '@azure/functions-core',
  () => jest.requireActual<{ coreModule: object }>('./fixtures/coreModule').coreModule,
  { virtual: true },
);

let host: DurableHost;
let main: Server;
let origin: string;

beforeAll(async () => {
  main = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (!host.engine.handleWebhook(request, response, path)) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => main.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(main.address() as AddressInfo).port}`;
  host = await startHost({ publicOrigin: origin });
});
afterAll(async () => {
  await host.close();
  main.closeAllConnections();
  await new Promise((resolve) => main.close(resolve));
});

const rpc = (path: string, init?: RequestInit) => fetch(host.binding.rpcBaseUrl + path, init);
const json = (body: string): RequestInit => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body });
const waiting = async (): Promise<string> => {
  const id = await host.client.startNew('patient');
  await reached(host.client, id, 'waiting');
  return id;
};

describe('the webhook routes', () => {
  const webhook = () => `${origin}/runtime/webhooks/durabletask`;

  it('need the system key, as query or header', async () => {
    const { requiredQueryStringParameters: code } = host.binding;
    const path = `${webhook()}/instances/`;
    expect((await fetch(path)).status).toBe(401);
    expect((await fetch(`${path}?code=wrong`)).status).toBe(401);
    expect((await fetch(`${path}?${code}`)).status).toBe(200);
    expect((await fetch(path, { headers: { 'x-functions-key': code.replace('code=', '') } })).status).toBe(200);
  });

  it('leave other paths alone', async () => {
    expect((await fetch(`${origin}/runtime/webhooks/blobs`)).status).toBe(418);
    expect((await fetch(`${origin}/runtime/webhooks/durabletasks`)).status).toBe(418);
  });

  it('are what the management URLs of a started instance point at, also after a restart of the host', async () => {
    const start = await rpc('orchestrators/patient/by-url', json('"x"'));
    expect(start.status).toBe(202);
    const urls = (await start.json()) as Record<string, string>;
    expect(urls.id).toBe('by-url');
    expect(start.headers.get('location')).toBe(urls.statusQueryGetUri);
    await host.restart();
    expect(await (await fetch(urls.statusQueryGetUri ?? '')).json()).toMatchObject({
      instanceId: 'by-url',
      input: 'x',
    });
    const eventUrl = (urls.sendEventPostUri ?? '').replace('{eventName}', 'next');
    for (const value of [1, 2, 3]) expect((await fetch(eventUrl, json(String(value)))).status).toBe(202);
    expect((await ended(host.client, 'by-url')).output).toEqual([1, 2, 3]);
    expect(await (await fetch(urls.purgeHistoryDeleteUri ?? '', { method: 'DELETE' })).json()).toEqual({
      instancesDeleted: 1,
    });
  });
});

describe('starting', () => {
  it.each([
    ['an unknown function', 'orchestrators/nobody', '1'],
    ['broken JSON', 'orchestrators/patient', '{'],
    ['an id that begins with @', 'orchestrators/patient/@a', '1'],
    ['an id with a slash', 'orchestrators/patient/a%2Fb', '1'],
    ['an id that is too long', `orchestrators/patient/${'a'.repeat(257)}`, '1'],
    ['another task hub', 'orchestrators/patient?taskHub=Other', '1'],
  ])('answers 400 to %s', async (_, path, body) => {
    const response = await rpc(path, json(body));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ Message: expect.any(String) });
  });

  it('waits for the output when asked to, and answers 202 when that takes too long', async () => {
    const quick = await rpc('orchestrators/sequence?timeout=10&pollingInterval=0.02', json('7'));
    expect([quick.status, await quick.json()]).toEqual([200, ['ab', 7]]);
    const slow = await rpc('orchestrators/patient?timeout=0.05&pollingInterval=0.02', json('7'));
    expect([slow.status, Object.keys((await slow.json()) as object)]).toEqual([
      202,
      expect.arrayContaining(['id', 'statusQueryGetUri']),
    ]);
    expect((await rpc('orchestrators/throws?timeout=10&pollingInterval=0.02', json('"no"'))).status).toBe(500);
  });

  it('again takes the input of an instance under a new id', async () => {
    const id = await host.client.startNew('sequence', { input: 'again' });
    await ended(host.client, id);
    const restarted = (await (await rpc(`instances/${id}/restart`, { method: 'POST' })).json()) as { id: string };
    expect(restarted.id).not.toBe(id);
    expect((await ended(host.client, restarted.id)).output).toEqual(['ab', 'again']);
    expect((await rpc('instances/nobody/restart', { method: 'POST' })).status).toBe(400);
  });
});

describe('status', () => {
  it('is 202 with a location while an instance is unfinished, 200 afterwards, 404 for none', async () => {
    const id = await waiting();
    const running = await rpc(`instances/${id}?showInput=false`);
    expect([running.status, running.headers.get('retry-after')]).toEqual([202, '5']);
    expect(await running.json()).toEqual({
      name: 'patient',
      instanceId: id,
      runtimeStatus: 'Running',
      input: null,
      customStatus: 'waiting',
      output: null,
      createdTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      lastUpdatedTime: expect.stringMatching(/Z$/),
    });
    await host.client.terminate(id, 'x');
    await ended(host.client, id);
    expect((await rpc(`instances/${id}`)).status).toBe(200);
    expect((await rpc('instances/nobody')).status).toBe(404);
  });

  it('of a failed instance is 500 only on request', async () => {
    const id = await host.client.startNew('throws', { input: 'x' });
    await ended(host.client, id);
    expect((await rpc(`instances/${id}`)).status).toBe(200);
    expect((await rpc(`instances/${id}?returnInternalServerErrorOnFailure=true`)).status).toBe(500);
  });

  it('shows the history with each task as one event, results only on request', async () => {
    const id = await host.client.startNew('sequence', { input: 1 });
    await ended(host.client, id);
    const events = async (query: string) =>
      ((await (await rpc(`instances/${id}?${query}`)).json()) as { historyEvents: Record<string, unknown>[] })
        .historyEvents;
    const shown = await events('showHistory=true&showHistoryOutput=true');
    expect(shown.map((event) => [event.EventType, event.FunctionName, event.Result])).toEqual([
      ['ExecutionStarted', 'sequence', undefined],
      ['TaskCompleted', 'echo', 'a'],
      ['TaskCompleted', 'echo', 'ab'],
      ['ExecutionCompleted', undefined, ['ab', 1]],
    ]);
    expect((await events('showHistory=true')).every((event) => !('Result' in event))).toBe(true);
  });
});

describe('raising events', () => {
  it('answers 404, 410, 400 and 202 in that order of precedence', async () => {
    const id = await waiting();
    const raise = async (instance: string, init: RequestInit) =>
      (await rpc(`instances/${instance}/raiseEvent/next`, init)).status;
    expect(await raise('nobody', json('{'))).toBe(404);
    expect(await raise(id, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '1' })).toBe(400);
    expect(await raise(id, json('{'))).toBe(400);
    expect(await raise(id, json(''))).toBe(400);
    expect(await raise(id, json('1'))).toBe(202);
    await host.client.terminate(id, 'x');
    await ended(host.client, id);
    expect(await raise(id, json('{'))).toBe(410);
    expect(await raise(id, json('1'))).toBe(410);
  });
});

describe('what the local host does not have', () => {
  it.each([
    ['GET', 'entities/counter/a', 'The local host does not support durable entities.'],
    ['POST', 'entities/counter/a?op=add', 'The local host does not support durable entities.'],
    ['POST', 'instances/any/rewind?reason=x', 'The local host does not support rewind.'],
  ])('%s %s answers 501 with a plain text', async (method, path, text) => {
    const response = await rpc(path, { method });
    expect([response.status, await response.text()]).toEqual([501, text]);
  });

  it.each([
    ['GET', 'orchestrators/patient'],
    ['PUT', 'instances/a'],
    ['POST', 'instances/a/explode'],
    ['GET', 'elsewhere'],
  ])('%s %s answers 404', async (method, path) => {
    expect((await rpc(path, { method })).status).toBe(404);
  });

  it('purging by filter without a time answers 400', async () => {
    expect((await rpc('instances/?runtimeStatus=Completed', { method: 'DELETE' })).status).toBe(400);
  });
});

describe('a host that stops', () => {
  it('has stored every start that it acknowledged', async () => {
    const starts = Array.from({ length: 40 }, (_, index) =>
      host.client.startNew('sequence', { instanceId: `last-${index}`, input: index }),
    );
    const acknowledged = Promise.allSettled(starts);
    await until(
      async () =>
        ((await rpc('instances/?instanceIdPrefix=last-&top=1').then((response) => response.json())) as unknown[])
          .length > 0,
    );
    await host.restart();
    for (const outcome of await acknowledged) {
      if (outcome.status === 'rejected') continue;
      expect((await ended(host.client, outcome.value)).runtimeStatus).toBe('Completed');
    }
  });
});
