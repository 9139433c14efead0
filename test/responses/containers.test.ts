/** The life of containers: their expiry, what a crash leaves of them, and those of earlier versions. The clock is the test's. */
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CodeInterpreterTool } from '../../src/agentLoop/ports';
import { containerDue, containerKey, filesPartition } from '../../src/responses/containerRecords';
import { noteContainerFiles } from '../../src/responses/containerFiles';
import { createContainers, type Containers } from '../../src/responses/containers';
import { findContainer, useAutoContainer, useContainer } from '../../src/responses/containerUse';
import { createResponses } from '../../src/responses/responses';
import { placedFiles } from '../../src/responses/placedFiles';
import { removeUnlistedContainer, removeUnusedContainers } from '../../src/responses/retention';
import type { Scope } from '../../src/scope';
import { orderKey } from '../../src/storage/keys';
import { calls, says } from '../support/assistants';
import { attachables } from '../support/attachables';
import { openResponses, scope } from '../support/responseWork';
import { withWrite } from '../support/storage';

const MINUTE = 60_000;
const START = Date.now();
let opened: Awaited<ReturnType<typeof openResponses>>;
let containers: Containers;
let files: Map<string, Buffer>;
let removed: string[];
/** Sessions that were ended. */
let ended: string[];
let clock: number;
let ports: typeof opened.ports;

beforeEach(async () => {
  opened = await openResponses();
  const attached = attachables();
  files = attached.files;
  removed = [];
  ended = [];
  clock = START;
  const run: CodeInterpreterTool['run'] = async (request, signal) => {
    if (!opened.ports.codeInterpreter) throw new Error('There is no code interpreter.');
    return opened.ports.codeInterpreter.run(request, signal);
  };
  const end = (_scope: Scope, session: string) => Promise.resolve(void ended.push(session));
  ports = { ...opened.ports, files: attached.filePort, codeInterpreter: { run, end }, now: () => clock };
  containers = createContainers({
    ...ports,
    removeFile: (_scope, id) => Promise.resolve(void removed.push(id)),
    maxFileBytes: 1000,
  });
});
afterEach(async () => opened.close());

const upload = async (id: string, name: string, content: string) =>
  containers.upload(scope, id, async (take) => ({ file: await take(Readable.from([Buffer.from(content)]), name) }));
const expired = { status: 400, message: 'Container is expired.' };
const dueNow = async () => opened.ports.records.due(Math.floor(clock / 1000), 10);
const sweep = async () => {
  for (const record of await dueNow()) await containers.due(record);
};
const page = { order: 'asc', limit: 20 } as const;

it('expires when it was not used for its time, which every use begins anew', async () => {
  const { id } = await containers.create(scope, {
    name: 'short',
    expires_after: { anchor: 'last_active_at', minutes: 5 },
  });
  const file = await upload(id, 'a.txt', 'a');
  for (const use of [
    async () => containers.get(scope, id),
    async () => containers.listFiles(scope, id, page),
    async () => containers.getFile(scope, id, file.id),
    async () => useContainer(ports, scope, id),
  ]) {
    clock += 4 * MINUTE;
    await sweep();
    await use();
  }
  const last = Math.floor(clock / 1000);
  clock += 5 * MINUTE;
  expect(await containers.get(scope, id)).toMatchObject({ status: 'expired', last_active_at: last });
  expect((await containers.list(scope, page)).data).toMatchObject([{ id, status: 'expired' }]);
  await expect(useContainer(ports, scope, id)).rejects.toMatchObject(expired);
  await expect(upload(id, 'b.txt', 'b')).rejects.toMatchObject(expired);
  await expect(containers.addFile(scope, id, 'file-1')).rejects.toMatchObject(expired);
  await expect(containers.removeFile(scope, id, file.id)).rejects.toMatchObject(expired);
  await expect(containers.getFile(scope, id, file.id)).rejects.toMatchObject({ status: 404 });
  expect((await containers.listFiles(scope, id, page)).data).toEqual([]);
});

it('what callers put there is gone with the expiry, what code wrote can still be read', async () => {
  const { id } = await containers.create(scope, { name: 'both' });
  for (let number = 0; number < 25; number += 1) await upload(id, 'in.txt', String(number));
  files.set('file-out', Buffer.from('made'));
  await noteContainerFiles(ports, scope, id, [{ fileId: 'file-out', path: '/mnt/data/out.txt' }]);
  expect((await containers.listFiles(scope, id, { ...page, limit: 100 })).data).toHaveLength(26);
  clock += 20 * MINUTE;
  await sweep();
  expect(await dueNow()).toEqual([]);
  const left = await opened.ports.records.list<{ id: string }>(filesPartition(scope, id), 'files', page);
  expect(left.records.map((each) => each.id)).toEqual(['file-out']);
  expect(await opened.ports.records.lists(filesPartition(scope, id), { limit: 10 })).toEqual(['files']);
  expect(await opened.ports.blobs.deleteBelow(`responses/team-a/-/${id}`)).toBe(0);
  expect((await containers.listFiles(scope, id, page)).data).toMatchObject([{ id: 'file-out', source: 'assistant' }]);
  expect(await text((await containers.openFile(scope, id, 'file-out')).content)).toBe('made');
  expect(removed).toEqual([]);
  await containers.remove(scope, id);
  expect(removed).toEqual(['file-out']);
  expect(ended).toEqual([id]);
  // A clock that goes back brings nothing back.
  clock = START;
  await expect(containers.get(scope, id)).rejects.toMatchObject({ status: 404 });
});

it('the sweep removes what a crash left of one that was being made, or being deleted', async () => {
  files.set('file-a', Buffer.from('a'));
  const dying = withWrite(ports.records, async (...given) => {
    if (given[0] === containerKey(scope, '').partition) return new Promise<string[]>(() => undefined);
    return ports.records.write(...given);
  });
  // Its entry is the last that is written, and the process dies before.
  const half = createContainers({
    ...ports,
    records: dying,
    removeFile: () => Promise.resolve(),
    maxFileBytes: 1000,
  });
  void half.create(scope, { name: 'half', file_ids: ['file-a'] });
  let names: string[] = [];
  for (const until = Date.now() + 10_000; names.length === 0 && Date.now() < until; await sleep(5))
    names = await opened.ports.records.partitions(`team-a/-/containers/`, { limit: 10 });
  expect(names).toHaveLength(1);
  expect((await containers.list(scope, page)).data).toEqual([]);
  clock += 61 * MINUTE;
  await sweep();
  expect(await opened.ports.records.partitions('team-a/-/containers/', { limit: 10 })).toEqual([]);
  expect(await dueNow()).toEqual([]);

  const { id } = await containers.create(scope, { name: 'deleted', file_ids: ['file-a'] });
  const key = containerKey(scope, id);
  await opened.ports.records.write(
    key.partition,
    [{ op: 'replace', list: key.list, id, value: { id, is_deleted: true } }],
    { add: [containerDue(scope, id, 0)] },
  );
  await expect(containers.get(scope, id)).rejects.toMatchObject({ status: 404 });
  await sweep();
  expect(await opened.ports.records.partitions('team-a/-/containers/', { limit: 10 })).toEqual([]);
  expect(await opened.ports.records.get(key)).toBeUndefined();
  await expect(containers.get(scope, id)).rejects.toMatchObject({ status: 404 });
});

it('nothing stays of a refused creation or file', async () => {
  files.set('file-a', Buffer.from('a'));
  await expect(containers.create(scope, { name: 'x', file_ids: ['file-a', 'file-b'] })).rejects.toMatchObject({
    status: 404,
    details: { param: 'file_ids' },
  });
  const { id } = await containers.create(scope, { name: 'x' });
  await expect(upload(id, 'large.txt', 'x'.repeat(1001))).rejects.toMatchObject({ status: 413 });
  await expect(upload(id, '..', 'x')).rejects.toMatchObject({ status: 400 });
  for (let number = 0; number < 100; number += 1) await upload(id, `${number}`, 'x');
  await expect(upload(id, 'more', 'x')).rejects.toMatchObject({ status: 400, details: { code: 'limit_exceeded' } });
  expect(await opened.ports.blobs.deleteBelow('responses')).toBe(100);
});

it('code is told of each path what lies there now', async () => {
  const { id } = await containers.create(scope, { name: 'paths' });
  const first = await upload(id, 'a.txt', 'one');
  const second = await upload(id, 'b.txt', 'two');
  const wrote = async (fileId: string, path: string) => {
    files.set(fileId, Buffer.from(fileId));
    await noteContainerFiles(ports, scope, id, [{ fileId, path }]);
  };
  await wrote('file-1', '/mnt/data/out.txt');
  await wrote('file-2', '/mnt/data/out.txt');
  await wrote('file-3', '/mnt/data/b.txt');
  await containers.removeFile(scope, id, first.id);
  const placed = await placedFiles(ports, scope, id);
  expect(placed.files.map((file) => [file.id, file.path, file.isWritten])).toEqual([
    ['file-3', '/mnt/data/b.txt', true],
    ['file-2', '/mnt/data/out.txt', true],
  ]);
  expect(placed.removed).toEqual([{ id: expect.any(String), path: '/mnt/data/a.txt' }]);
  await containers.removeFile(scope, id, 'file-2');
  expect(removed).toEqual(['file-2']);
  // The older one of that path does not come back.
  expect((await placedFiles(ports, scope, id)).files.map((file) => file.id)).toEqual(['file-3']);
  // What the code overwrote is the caller's still.
  await containers.removeFile(scope, id, 'file-3');
  expect((await placedFiles(ports, scope, id)).files.map((file) => file.id)).toEqual([second.id]);
});

it('a container of an earlier version is known by its files or by the response that ran code there', async () => {
  files.set('file-old', Buffer.from('old'));
  const files_ = filesPartition(scope, 'cntr_old');
  const value = { id: 'file-old', path: '/mnt/data/old.txt' };
  await opened.ports.records.write(files_, [
    { op: 'create', list: 'files', id: 'file-old', order: orderKey(START), value },
  ]);
  expect((await containers.listFiles(scope, 'cntr_old', page)).data).toMatchObject([{ id: 'file-old' }]);
  expect(await containers.get(scope, 'cntr_old')).toMatchObject({ status: 'running', name: 'auto' });

  opened.code.result = () => Promise.resolve({ logs: '1', images: [], files: [] });
  opened.turns.push(calls({ id: 'call_1', name: 'code_interpreter', arguments: '{"code":"1"}' }), says('One.'));
  const tools = [{ type: 'code_interpreter' as const }];
  const prepared = await opened.responses.prepare(scope, { model: 'm', input: 'Hello', tools });
  const { signal } = new AbortController();
  const response = await opened.responses.answer(prepared, () => Promise.resolve(), signal);
  const id = response.id.replace('resp_', 'cntr_');
  const key = containerKey(scope, id);
  expect(response.output[0]).toMatchObject({ container_id: id });
  await opened.ports.records.write(key.partition, [{ op: 'delete', list: key.list, id }]);
  await useContainer(ports, scope, id);
  await containers.remove(scope, id);
  // A deleted one stays deleted, whatever tells of it.
  await expect(useContainer(ports, scope, id)).rejects.toMatchObject({ status: 404 });
  await expect(useAutoContainer(ports, scope, id)).rejects.toMatchObject({ status: 404 });
  for (const unknown of [`cntr_${'a'.repeat(48)}`, 'cntr_new', '\n', 'x'.repeat(500)])
    expect(await findContainer(ports, scope, unknown)).toBeUndefined();
});

it('retention forgets what expired long ago, and keeps the rest', async () => {
  // Sort keys never go back in a process, and other tests have moved the clock.
  const begin = START + 24 * 60 * MINUTE;
  clock = begin;
  const old = await containers.create(scope, { name: 'old' });
  const kept = await containers.create(scope, { name: 'kept' });
  const deleted = await containers.create(scope, { name: 'deleted' });
  await upload(old.id, 'a.txt', 'a');
  await containers.remove(scope, deleted.id);
  for (let minutes = 0; minutes < 60; minutes += 10) {
    clock += 10 * MINUTE;
    await containers.get(scope, kept.id);
  }
  await noteContainerFiles({ records: ports.records, now: () => begin }, scope, 'cntr_old', [
    { fileId: 'file-old', path: '/mnt/data/x' },
  ]);
  const before = begin + 30 * MINUTE;
  expect(await removeUnusedContainers(opened.ports, scope, begin - MINUTE)).toBeUndefined();
  await removeUnlistedContainer(opened.ports.records, scope, 'cntr_old', begin - MINUTE);
  expect((await containers.list(scope, page)).data).toHaveLength(2);
  expect(await removeUnusedContainers(opened.ports, scope, before)).toBeUndefined();
  await removeUnlistedContainer(opened.ports.records, scope, 'cntr_old', before);
  expect((await containers.list(scope, page)).data.map(({ name }) => name)).toEqual(['kept']);
  const key = containerKey(scope, deleted.id);
  expect(await opened.ports.records.get(key)).toBeUndefined();
  expect(await opened.ports.records.partitions('team-a/-/containers/', { limit: 10 })).toEqual([]);
});

it('a conversation whose container has expired goes on in another one, with what code wrote', async () => {
  const responses = createResponses(ports);
  const tools = [{ type: 'code_interpreter' as const }];
  const answer = async (previous: string | undefined) => {
    const code = calls({ id: `call_${clock}`, name: 'code_interpreter', arguments: '{"code":"1"}' });
    opened.turns.push(code, says('Here: [it](sandbox:/mnt/data/out.txt).'));
    const body = { model: 'm', input: 'Go on.', tools, ...(previous && { previous_response_id: previous }) };
    const prepared = await responses.prepare(scope, body);
    return responses.answer(prepared, () => Promise.resolve(), new AbortController().signal);
  };
  files.set('file-out', Buffer.from('made'));
  const out = { fileId: 'file-out', path: '/mnt/data/out.txt' };
  opened.code.result = () => Promise.resolve({ logs: '1', images: [], files: [out] });
  const first = await answer(undefined);
  opened.code.result = () => Promise.resolve({ logs: '1', images: [], files: [] });
  clock += 19 * MINUTE;
  const second = await answer(first.id);
  clock += 21 * MINUTE;
  const third = await answer(second.id);
  const [one, same, other] = [first, second, third].map(({ output }) => output[0]);
  expect(same).toMatchObject({ container_id: one && 'container_id' in one ? one.container_id : '' });
  const id = third.id.replace('resp_', 'cntr_');
  expect(other).toMatchObject({ container_id: id });
  expect(third.output[1]).toMatchObject({ content: [{ annotations: [{ container_id: id, file_id: 'file-out' }] }] });
  expect((await containers.listFiles(scope, id, page)).data).toMatchObject([{ id: 'file-out', source: 'assistant' }]);
});
