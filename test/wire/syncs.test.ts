/** Syncs over HTTP, driven by their orchestration. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { syncObject, type SyncObject } from '../../src/wire/syncs';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  const env = { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed', SYNC_CONTAINERS: 'alpha:documents' };
  host = await startHost({ env: { ...env, STORAGE: 'embedded' } });
});
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

async function send(method: string, path: string, body?: object, tenant: 'alpha' | 'beta' = 'alpha') {
  const answer = await fetch(`${host.url}/openai/v1${path}`, {
    method,
    headers: { 'api-key': host.key(tenant), 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

async function put(name: string, text: string): Promise<void> {
  const folder = join(host.dataDir, 'blobs', 'documents');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), text);
}

/** The sync when its last report satisfies the condition. */
const reported = async (id: string, isRight: (report: NonNullable<SyncObject['last_sync']>) => boolean) =>
  eventually('the report', async () => {
    const sync = syncObject.parse((await send('GET', `/syncs/${id}`)).json);
    return sync.last_sync && isRight(sync.last_sync) ? sync : undefined;
  });

it('a sync mirrors a container at once and when it is told to, and is listed and deleted', async () => {
  await put('otters.txt', 'Otters sleep on the water.');
  const { vectorStores } = host.openai();
  const store = await vectorStores.create({});
  const created = await send('POST', '/syncs', { vector_store_id: store.id, container: 'documents' });
  expect(created).toMatchObject({ status: 200, json: { object: 'sync', prefix: '', last_sync: null } });
  const id = String(created.json.id);
  expect(await reported(id, ({ added }) => added === 1)).toMatchObject({
    status: 'waiting',
    last_sync: { error: null },
  });

  await put('bats.txt', 'Bats sleep upside down.');
  expect(await send('POST', `/syncs/${id}/run`)).toMatchObject({ status: 200, json: { id } });
  await reported(id, ({ added, changed }) => added === 1 && changed === 0);
  const texts = await eventually('both files', async () => {
    const { data } = await vectorStores.search(store.id, { query: 'sleep' });
    return data.length === 2 ? data.flatMap(({ content }) => content.map(({ text }) => text)) : undefined;
  });
  expect(texts.sort()).toEqual(['Bats sleep upside down.', 'Otters sleep on the water.']);

  expect((await send('GET', '/syncs')).json).toMatchObject({ object: 'list', data: [{ id }], has_more: false });
  expect((await send('GET', '/syncs', undefined, 'beta')).json).toMatchObject({ data: [] });
  expect((await send('GET', `/syncs/${id}`, undefined, 'beta')).status).toBe(404);
  expect((await send('DELETE', `/syncs/${id}`)).json).toEqual({ id, object: 'sync.deleted', deleted: true });
  expect((await send('GET', `/syncs/${id}`)).status).toBe(404);
});

it('lists on behind syncs that were deleted since', async () => {
  const store = await host.openai().vectorStores.create({});
  const ids: string[] = [];
  for (const prefix of ['a/', 'b/', 'c/'])
    ids.push(
      String((await send('POST', '/syncs', { vector_store_id: store.id, container: 'documents', prefix })).json.id),
    );
  let after = '';
  for (const id of ids.toReversed()) {
    const { json } = await send('GET', `/syncs?limit=1${after}`);
    expect(json).toMatchObject({ data: [{ id }] });
    expect((await send('DELETE', `/syncs/${id}`)).status).toBe(200);
    after = `&after=${id}`;
  }
});

it('a container is open only to the tenant that SYNC_CONTAINERS gives it to', async () => {
  const store = await host.openai('beta').vectorStores.create({});
  const answer = await send('POST', '/syncs', { vector_store_id: store.id, container: 'documents' }, 'beta');
  expect(answer).toMatchObject({ status: 400, json: { error: { param: 'container' } } });
});
