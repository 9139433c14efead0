/** Turns of a conversation: who answers, for how long, and what is kept. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createActivities } from '../../src/activities/activities';
import type { ActivitiesPorts, TakenTurn, Turn } from '../../src/activities/ports';
import type { Records } from '../../src/storage/ports';
import type { Activity } from '../../src/wire/activities';
import { manualClock, type ManualClock } from '../support/manualClock';
import { openRecords } from '../support/storage';

const scope = { tenant: 'team', project: 'p1' };
const message = (id: string, text = id): Activity => ({
  type: 'message',
  id,
  conversation: { id: 'c1' },
  text,
});

let folder: string;
let records: Records;
let clock: ManualClock;
/** The turns that agents were given. */
let turns: Turn[];
let faults: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'activities-'));
  records = await openRecords(folder);
  clock = manualClock();
  turns = [];
  faults = [];
});
afterEach(async () => {
  expect(faults).toEqual([]);
  await records.close();
  await rm(folder, { recursive: true, force: true });
});

const taken = (text: string): TakenTurn => ({ status: 'completed', text, citations: [], waitsFor: [], at: text });

/** An instance whose agents answer as `take` does; by default with the text, which is where the conversation then stands. */
const instance = (
  take: (turn: Turn) => Promise<TakenTurn> = async ({ text }) => taken(text),
  more: Partial<ActivitiesPorts> = {},
) =>
  createActivities({
    records,
    agents: {
      check: () => Promise.resolve(),
      take: async (turn) => {
        turns.push(turn);
        return take(turn);
      },
    },
    now: clock.now,
    sleep: clock.sleep,
    logFault: (text) => void faults.push(text),
    ...more,
  });

/** Something to wait for that a test resolves. */
function gate<T>(): { opened: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { opened, open };
}

it('a turn goes on where the last one ended', async () => {
  const { receive } = instance();
  await receive(scope, 'otter', message('1'));
  await receive(scope, 'otter:2', message('2'));
  await receive(scope, 'fox', message('3'));
  expect(turns.map(({ agent, at }) => [agent, at])).toEqual([
    ['otter', null],
    ['otter:2', '1'],
    ['fox', null],
  ]);
});

it('the newest fifty replies are kept for activities that come again', async () => {
  const { receive } = instance();
  const first = await receive(scope, 'otter', message('0'));
  for (let number = 1; number <= 50; number += 1) await receive(scope, 'otter', message(String(number)));
  expect(turns).toHaveLength(51);
  await receive(scope, 'otter', message('1'));
  await receive(scope, 'otter', message('50'));
  expect(turns).toHaveLength(51);
  expect(await receive(scope, 'otter', message('0'))).not.toEqual(first);
  expect(turns).toHaveLength(52);
});

it('a turn that lasts keeps the conversation, and the next one gives up after 90 seconds', async () => {
  const begun = gate<void>();
  const slow = gate<TakenTurn>();
  const { receive } = instance(async () => {
    begun.open();
    return slow.opened;
  });
  const first = receive(scope, 'otter', message('1'));
  await begun.opened;
  const start = clock.now();
  await expect(receive(scope, 'otter', message('2'))).rejects.toMatchObject({
    status: 409,
    details: { headers: { 'retry-after': '5' } },
  });
  expect(clock.now() - start).toBeGreaterThanOrEqual(90_000);
  slow.open(taken('late'));
  expect(await first).toMatchObject({ text: 'late' });
  expect(turns).toHaveLength(1);
});

it('where an instance dies another one takes the turn, under the same key; the first leaves no trace should it come back', async () => {
  const begun = gate<void>();
  const stuck = gate<TakenTurn>();
  // Nothing renews its lease.
  const dead = instance(
    async () => {
      begun.open();
      return stuck.opened;
    },
    { sleep: async (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())) },
  );
  const lost = dead.receive(scope, 'otter', message('1'));
  await begun.opened;
  const { receive } = instance();
  const start = clock.now();
  const reply = await receive(scope, 'otter', message('1'));
  expect(clock.now() - start).toBeGreaterThanOrEqual(10_000);
  expect(turns[0]?.key).toBe(turns[1]?.key);
  stuck.open(taken('stale'));
  await expect(lost).rejects.toMatchObject({ status: 409 });
  expect(await receive(scope, 'otter', message('1'))).toEqual(reply);
  await receive(scope, 'otter', message('2'));
  expect(turns.at(-1)?.at).toBe('1');
});

it('a turn that failed is taken again, under another key, where the conversation stood', async () => {
  const { receive } = instance();
  await receive(scope, 'otter', message('1'));
  const failing = instance(async () => Promise.reject(new Error('No model.')));
  await expect(failing.receive(scope, 'otter', message('2'))).rejects.toThrow('No model.');
  await receive(scope, 'otter', message('2'));
  const [, failed, again] = turns;
  expect([failed?.at, again?.at]).toEqual(['1', '1']);
  expect(again?.key).not.toBe(failed?.key);
});

it('a conversation that ends while it is answered is forgotten, and the reply is given', async () => {
  const begun = gate<void>();
  const slow = gate<TakenTurn>();
  const { receive } = instance(async () => {
    begun.open();
    return slow.opened;
  });
  const first = receive(scope, 'otter', message('1'));
  await begun.opened;
  expect(await receive(scope, 'otter', { ...message('2'), type: 'endOfConversation' })).toEqual({});
  slow.open(taken('bye'));
  expect(await first).toMatchObject({ text: 'bye' });
  await instance().receive(scope, 'otter', message('3'));
  expect(turns.at(-1)?.at).toBeNull();
});
