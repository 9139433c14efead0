/** When what is kept of a channel's conversation is removed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONVERSATION, REPLIES } from '../../src/activities/conversationRecords';
import { removeUnusedChannelConversation } from '../../src/activities/retention';
import { partitionOf } from '../../src/storage/keys';
import type { Records } from '../../src/storage/ports';
import { openRecords } from '../support/storage';

const scope = { tenant: 'team', project: '-' };
const NOW = 1_790_000_000_000;
const orderAt = (milliseconds: number) => `${String(milliseconds).padStart(15, '0')}-00000001`;

let folder: string;
let records: Records;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'activities-'));
  records = await openRecords(folder);
});
afterAll(async () => {
  await records.close();
  await rm(folder, { recursive: true, force: true });
});

/** Whether a conversation with replies of these ages, in milliseconds, is still there. */
async function isKept(ages: number[], lease: { owner: string; until: number } | null = null): Promise<boolean> {
  const id = `c${ages.join('-')}${lease ? 'held' : ''}`;
  const partition = partitionOf(scope, 'activities', id);
  const conversation = { at: 'resp_x', failures: 0, recent: [], lease };
  await records.write(partition, [
    { op: 'create', list: CONVERSATION, id: CONVERSATION, order: orderAt(0), value: conversation },
    ...ages.map(
      (age) =>
        ({ op: 'create', list: REPLIES, id: `r${age}`, order: orderAt(NOW - age), value: { reply: {} } }) as const,
    ),
  ]);
  await removeUnusedChannelConversation(records, scope, id, NOW - 1000);
  return (await records.get({ partition, list: CONVERSATION, id: CONVERSATION })) !== undefined;
}

it('goes by the newest reply, and by whoever answers just now', async () => {
  expect(await isKept([5000, 3000])).toBe(false);
  expect(await isKept([5000, 500])).toBe(true);
  expect(await isKept([6000], { owner: 'o', until: NOW })).toBe(true);
  expect(await isKept([])).toBe(true);
});
