/** A thread is there whole and listed, or not at all, whatever write a crash comes before. */
import { createThreads } from '../../src/assistants/threads';
import { sweepThread } from '../../src/assistants/threadPurge';
import { threadPartition, threadsPartition } from '../../src/assistants/threadRecords';
import type { Records } from '../../src/storage/ports';
import { openAssistants } from '../support/assistants';

const FAR = 4_000_000_000;
const page = { order: 'desc', limit: 20 } as const;
let open: Awaited<ReturnType<typeof openAssistants>>;
beforeEach(async () => {
  open = await openAssistants();
});
afterEach(async () => {
  await open.close();
});

class Crash extends Error {}

/** Records that fail from change number `steps` on, as they do for a process that is gone. */
function crashing(records: Records, steps: number): Records & { left: number } {
  const counted = { left: steps };
  const step =
    <A extends unknown[], T>(method: (...given: A) => Promise<T>) =>
    async (...given: A): Promise<T> => {
      if (counted.left <= 0) throw new Crash();
      counted.left -= 1;
      return method.apply(records, given);
    };
  return Object.assign(counted, {
    get: records.get.bind(records),
    list: records.list.bind(records),
    partitions: records.partitions.bind(records),
    lists: records.lists.bind(records),
    due: records.due.bind(records),
    close: records.close.bind(records),
    write: step(records.write.bind(records)),
    deletePartition: step(records.deletePartition.bind(records)),
    writeDue: step(records.writeDue.bind(records)),
  });
}

const sweep = async () => {
  for (const due of await open.records.due(FAR, 100)) {
    if (due.kind === 'thread') await sweepThread(open.records, due);
  }
};
const listed = async () => (await open.threads.list(open.scope, page)).data.map(({ id }) => id);
/** What there is in the partition, and in the list that it is in, whether or not it shows. */
const remains = async (id: string) => {
  const lists = ['thread', 'messages', 'runs'];
  const found = await Promise.all(
    lists.map(async (list) => open.records.list(threadPartition(open.scope, id), list, page)),
  );
  const entries = await open.records.list(threadsPartition(open.scope), 'threads', page);
  return [...found.flatMap(({ records }) => records), ...entries.records.filter((entry) => entry.id === id)];
};
/** Too much for one write. */
const messages = Array.from({ length: 6 }, () => ({ role: 'user' as const, content: 'x'.repeat(256_000) }));

it.each([0, 1, 2])('a creation that dies at write %d leaves nothing when the sweep has come', async (steps) => {
  const records = crashing(open.records, steps);
  let made = '';
  const noting: Records = {
    ...records,
    async write(partition, changes, due) {
      made = due?.add?.[0]?.id ?? made;
      return records.write(partition, changes, due);
    },
  };
  await expect(createThreads({ ...open.ports, records: noting }).create(open.scope, { messages })).rejects.toThrow(
    Crash,
  );
  expect(await listed()).toEqual([]);
  expect((await remains(made)).length > 0).toBe(steps > 0);
  await sweep();
  expect(await remains(made)).toEqual([]);
  expect(await open.records.due(FAR, 10)).toEqual([]);
});

it('a creation that is done is listed, and the sweep has nothing to do', async () => {
  const records = crashing(open.records, 3);
  const { id } = await createThreads({ ...open.ports, records }).create(open.scope, { messages });
  expect(records.left).toBe(0);
  expect(await open.records.due(FAR, 10)).toEqual([]);
  expect(await listed()).toEqual([id]);
  expect((await open.threads.listMessages(open.scope, id, page)).data).toHaveLength(6);
});

it.each([1, 2, 3])('a deletion that dies at step %d is finished by the sweep', async (steps) => {
  const { thread } = await open.start();
  const records = crashing(open.records, steps);
  await expect(createThreads({ ...open.ports, records }).remove(open.scope, thread.id)).rejects.toThrow(Crash);
  await expect(open.threads.get(open.scope, thread.id)).rejects.toThrow('No thread found');
  expect(await listed()).toEqual([]);
  await sweep();
  expect(await remains(thread.id)).toEqual([]);
  expect((await open.records.due(FAR, 10)).filter(({ kind }) => kind === 'thread')).toEqual([]);
});

it('the sweep leaves a thread alone that is there', async () => {
  const { id } = await open.threads.create(open.scope, { messages: messages.slice(0, 1) });
  const due = { at: 1, kind: 'thread', id, data: { tenant: 'team', project: '-' } };
  await open.records.writeDue({ add: [due] });
  await sweep();
  expect(await listed()).toEqual([id]);
  expect((await open.threads.listMessages(open.scope, id, page)).data).toHaveLength(1);
  expect(await open.records.due(FAR, 10)).toEqual([]);
});

it('a creation that took too long gives up before the sweep could take it for dead', async () => {
  const slow: Records = {
    ...crashing(open.records, Infinity),
    async write(...given) {
      open.clock.now += 601_000;
      return open.records.write(...given);
    },
  };
  await expect(createThreads({ ...open.ports, records: slow }).create(open.scope, { messages })).rejects.toThrow(
    'Retry',
  );
  await sweep();
  expect(await listed()).toEqual([]);
});

it('a run of a deleted thread writes nothing any more', async () => {
  const { thread, reference } = await open.start();
  open.turns.push(async function* () {
    await open.threads.remove(open.scope, thread.id);
    yield { type: 'text', text: 'Too late.' };
    yield { type: 'finish', reason: 'stop' };
  });
  await open.advance(reference);
  expect(await open.advance(reference)).toBeUndefined();
  expect(await remains(thread.id)).toEqual([]);
});
