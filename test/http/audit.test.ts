/** What is kept of operations that change something, as AUDIT says. */
import { families } from '../../src/functions/families';
import { readPartition } from '../../src/storage/keys';
import type { AuditEvent } from '../../src/auditEvent';
import { openRecords } from '../support/storage';
import { eventually } from '../support/polling';
import { startHost, type Host } from '../support/host';

const today = () => new Date().toISOString().slice(0, 10);

/** Events that the host has printed. */
const printed = (host: Host): AuditEvent[] =>
  host
    .output()
    .split('\n')
    .flatMap((line) => {
      const json = /\{"log":"audit".*\}/.exec(line)?.[0];
      return json === undefined ? [] : [JSON.parse(json) as AuditEvent];
    });

const send = async (host: Host, method: string, path: string, body?: unknown, project = ''): Promise<Response> =>
  fetch(`${host.url}${project || '/v1'}${path}`, {
    method,
    headers: { 'api-key': host.key(), 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

describe('By default a host logs a line for each operation that changes something,', () => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost();
  }, 60_000);
  afterAll(async () => host.stop());
  const eventOf = async (requestId: string | null): Promise<AuditEvent> =>
    eventually('the line', async () =>
      Promise.resolve(printed(host).find(({ request_id: id }) => requestId !== null && id === requestId)),
    );

  it('with who did what to which object, and never its content', async () => {
    const secret = 'never to be seen';
    const made = await send(host, 'POST', '/threads', { messages: [{ role: 'user', content: secret }] });
    const { id } = (await made.json()) as { id: string };
    const event = await eventOf(made.headers.get('x-request-id'));
    expect(event).toEqual({
      log: 'audit',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      tenant: 'alpha',
      project: '-',
      principal: 'API_KEYS:alpha:1',
      operation: 'POST /threads',
      object: { id },
      request_id: made.headers.get('x-request-id'),
      status: 200,
      outcome: 'succeeded',
    });
    const message = await send(host, 'POST', `/threads/${id}/messages`, { role: 'user', content: secret });
    const { id: messageId } = (await message.json()) as { id: string };
    expect((await eventOf(message.headers.get('x-request-id'))).object).toEqual({ thread_id: id, id: messageId });
    const gone = await send(host, 'DELETE', `/threads/${id}`);
    expect(await eventOf(gone.headers.get('x-request-id'))).toMatchObject({
      operation: 'DELETE /threads/{thread_id}',
      object: { thread_id: id, id },
    });
    expect(host.output()).not.toContain(secret);
    expect(host.output()).not.toContain(host.key());
  });

  it('with the run of a stream, and the project', async () => {
    const assistant = await host.openai().beta.assistants.create({ model: 'local-extractive' });
    const body = { assistant_id: assistant.id, stream: true, thread: { messages: [] } };
    const answer = await send(host, 'POST', '/threads/runs', body);
    const run = /run_\w{24}/.exec(await answer.text())?.[0];
    expect((await eventOf(answer.headers.get('x-request-id'))).object).toEqual({ id: run });
    const inProject = await send(host, 'POST', '/threads', {}, '/api/projects/p1/openai/v1');
    expect((await eventOf(inProject.headers.get('x-request-id'))).project).toBe('p1');
  });

  it('also where it is refused, but not for who is not known', async () => {
    const refused = await send(host, 'POST', '/threads/thread_absent/messages', { role: 'user', content: 'x' });
    expect(await eventOf(refused.headers.get('x-request-id'))).toMatchObject({ status: 404, outcome: 'refused' });
    const unknown = await fetch(`${host.url}/v1/threads`, { method: 'POST', headers: { 'api-key': 'nobody' } });
    const last = await send(host, 'POST', '/threads', {});
    await eventOf(last.headers.get('x-request-id'));
    expect(printed(host).map(({ request_id: id }) => id)).not.toContain(unknown.headers.get('x-request-id'));
  });

  it('and none for reading, searching and inference', async () => {
    const openai = host.openai();
    const store = await openai.vectorStores.create({});
    const before = printed(host).length;
    await openai.vectorStores.search(store.id, { query: 'whales' });
    await openai.vectorStores.list();
    await openai.chat.completions.create({ model: 'local-extractive', messages: [{ role: 'user', content: 'x' }] });
    const last = await send(host, 'DELETE', `/vector_stores/${store.id}`);
    await eventOf(last.headers.get('x-request-id'));
    const since = printed(host).slice(before);
    expect(since.map(({ operation }) => operation).filter((one) => one !== 'POST /vector_stores')).toEqual([
      'DELETE /vector_stores/{vector_store_id}',
    ]);
  });
});

it('every operation that does not read is audited, but for inference, searching and counting tokens', () => {
  const operations = families.flatMap((family) => family.operations);
  const silent = operations
    .filter(({ changes, method }) => !changes && method !== 'get')
    .map(({ method, path }) => `${method} ${path.replace(/^\/deployments\/\{deployment_id\}/, '')}`);
  expect([...new Set(silent)].sort()).toEqual(
    [
      'post /audio/speech',
      'post /audio/transcriptions',
      'post /audio/translations',
      'post /chat/completions',
      'post /completions',
      'post /embeddings',
      'post /images/edits',
      'post /images/generations',
      'post /images/variations',
      'post /moderations',
      'post /responses/input_tokens',
      'post /vector_stores/{vector_store_id}/search',
    ].sort(),
  );
  for (const { changes, method } of operations) if (method === 'get') expect(changes).toBe(false);
});

it('AUDIT=storage keeps the events of a tenant and a day together, durable before the answer, and AUDIT=off none', async () => {
  const host = await startHost({ env: { AUDIT: 'storage' } });
  const answers = await Promise.all(Array.from({ length: 50 }, async () => send(host, 'POST', '/threads', {})));
  await host.kill();
  expect(printed(host)).toEqual([]);
  const records = await openRecords(host.dataDir);
  const names = await records.partitions('alpha/', { limit: 1000 });
  const days = names.filter((name) => readPartition(name)?.collection === 'audit');
  const kept: AuditEvent[] = [];
  for (const day of days) {
    expect(readPartition(day)?.id).toBe(today());
    const { records: found } = await records.list<AuditEvent>(day, 'events', { order: 'asc', limit: 1000 });
    kept.push(...found.map(({ value }) => value));
  }
  await records.close();
  expect(kept.map(({ request_id: id }) => id).sort()).toEqual(
    answers.map(({ headers }) => headers.get('x-request-id')).sort(),
  );
  const silent = await startHost({ dataDir: host.dataDir, env: { AUDIT: 'off' } });
  await send(silent, 'POST', '/threads', {});
  await silent.stop();
  expect(printed(silent)).toEqual([]);
}, 60_000);
