/** What conversations leave behind where a process dies, what the sweep makes of it, and when a lock lapses. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conversationItemFinder, itemCreations } from '../../src/responses/conversationItems';
import { conversationPlace, conversationPartition, itemBlob } from '../../src/responses/conversationRecords';
import { createConversations, type Conversations } from '../../src/responses/conversations';
import { ConversationTurn, LEASE_MILLISECONDS } from '../../src/responses/conversationTurn';
import type { ResponsesPorts } from '../../src/responses/ports';
import { newResponse } from '../../src/responses/newResponse';
import { chainPartition, TURNS, type StoredResponse } from '../../src/responses/responseRecords';
import type { Scope } from '../../src/scope';
import { newId, orderKey } from '../../src/storage/keys';
import type { Blobs, Records } from '../../src/storage/ports';
import type { ResponseItem } from '../../src/wire/responseItems';
import type { ResponseObject } from '../../src/wire/responses';
import { openBlobs, openRecords, withWrite } from '../support/storage';

const FAR = 4_000_000_000;
const scope: Scope = { tenant: 'team', project: 'p1' };
const page = { order: 'asc', limit: 100 } as const;

let folder: string;
let records: Records;
let blobs: Blobs;
let clock: number;
const unused = () => Promise.reject(new Error('A conversation does not need this.'));
const portsOver = (over: Records): ResponsesPorts => ({
  records: over,
  blobs,
  now: () => clock,
  logFault: (message, error) => {
    throw new Error(message, { cause: error });
  },
  chat: {
    serves: () => true,
    stream: () => {
      throw new Error('A conversation does not need this.');
    },
  },
  fileSearch: { search: unused },
  vectorStores: { check: unused },
  files: { firstMissing: unused, describe: unused, open: unused },
  inputFiles: { read: unused },
  agents: { resolve: unused },
  mcp: {
    open: () => {
      throw new Error('A conversation does not need this.');
    },
    close: unused,
  },
});
const ports = () => portsOver(records);
const conversations = (): Conversations => createConversations(ports());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conversations-'));
  records = await openRecords(folder);
  blobs = await openBlobs(folder);
  clock = 1_790_000_000_000;
});
afterEach(async () => {
  await records.close();
  await rm(folder, { recursive: true, force: true });
});

const message = (id: string, text = id): ResponseItem => ({
  type: 'message',
  id,
  role: 'user',
  status: 'completed',
  content: [{ type: 'input_text', text }],
});
const idsIn = async (id: string): Promise<string[]> =>
  (await conversations().listItems(scope, id, page)).data.map((item) => item.id);
/** Does what the sweep does with whatever is due. */
async function sweep(): Promise<void> {
  for (const due of await records.due(FAR, 100)) await conversations().due(due);
}
const due = async () => (await records.due(FAR, 100)).map(({ kind }) => kind);
const locked = { status: 400, details: { code: 'conversation_locked' } };

/** A response that is stored as that, with what its host would do next still to be done. */
async function storedResponse(id: string, status: ResponseObject['status']) {
  const place = conversationPlace(scope, id);
  const key = { chain: place.key, turn: newId('') };
  const turn = await ConversationTurn.begin(ports(), place, key.turn);
  const response = newResponse({ body: { model: 'm' }, model: 'm', tools: [] }, key, 0, id);
  const value: StoredResponse = {
    response: { ...response, status },
    input: [message('msg_1')],
    files: {},
    previous: null,
  };
  const change = { op: 'create', list: TURNS, id: key.turn, order: orderKey(clock), value } as const;
  const partition = chainPartition(scope, key.chain);
  await records.write(partition, [change], turn.dueChanges);
  /** The response comes to that, in another process. */
  const becomes = async (then: ResponseObject['status']): Promise<void> => {
    const changed: StoredResponse = { ...value, response: { ...response, status: then } };
    await records.write(partition, [{ op: 'replace', list: TURNS, id: key.turn, value: changed }]);
  };
  return { turn, place, becomes };
}

it('the sweep adds what a stored response said, once', async () => {
  const { id } = await conversations().create(scope, {});
  const { turn } = await storedResponse(id, 'completed');
  const found = await records.due(FAR, 100);
  await sweep();
  for (const again of found) await conversations().due(again);
  await turn.append('completed', [message('msg_1')]);
  await turn.release();
  expect(await idsIn(id)).toEqual(['msg_1']);
  expect(await due()).toEqual([]);
  await conversations().addItems(scope, id, [message('msg_2')]);
});

it('the sweep adds nothing of a response that failed, and frees the conversation', async () => {
  const { id } = await conversations().create(scope, {});
  const { turn } = await storedResponse(id, 'failed');
  await expect(conversations().addItems(scope, id, [message('msg_2')])).rejects.toMatchObject(locked);
  await sweep();
  await conversations().addItems(scope, id, [message('msg_2')]);
  await turn.release();
  expect(await idsIn(id)).toEqual(['msg_2']);
});

it.each(['completed', 'cancelled'] as const)(
  'a response that goes on in the background keeps its lock until it is %s, and then has its items added or not',
  async (status) => {
    const { id } = await conversations().create(scope, {});
    const { turn, place, becomes } = await storedResponse(id, 'queued');
    await turn.handOver();
    await sweep();
    expect(await due()).toEqual(['conversation']);
    clock += LEASE_MILLISECONDS + 1;
    await becomes('in_progress');
    expect(await idsIn(id)).toEqual([]);
    await expect(ConversationTurn.begin(ports(), place, newId(''))).rejects.toMatchObject(locked);
    await becomes(status);
    const added = status === 'completed' ? ['msg_1'] : [];
    expect(await idsIn(id)).toEqual(added);
    await conversations().addItems(scope, id, [message('msg_2')]);
    await sweep();
    expect(await idsIn(id)).toEqual([...added, 'msg_2']);
    expect(await due()).toEqual([]);
  },
);

it('a lock lapses when nobody renews it', async () => {
  const { id } = await conversations().create(scope, {});
  const place = conversationPlace(scope, id);
  const first = await ConversationTurn.begin(ports(), place, newId(''));
  await expect(ConversationTurn.begin(ports(), place, newId(''))).rejects.toMatchObject(locked);
  clock += LEASE_MILLISECONDS + 1;
  const second = await ConversationTurn.begin(ports(), place, newId(''));
  // The one that lost it does not free what is another's by now.
  await first.release();
  await expect(conversations().addItems(scope, id, [message('msg_1')])).rejects.toMatchObject(locked);
  await second.release();
  await conversations().addItems(scope, id, [message('msg_1')]);
});

it('of a conversation that is deleted, all is freed: at once, or by the sweep where the process dies', async () => {
  const large = message('msg_large', 'x'.repeat(100_000));
  for (const dies of [false, true]) {
    const { id } = await conversations().create(scope, { items: [large] });
    const place = conversationPlace(scope, id);
    for (let batch = 0; batch < 6; batch += 1)
      await conversations().addItems(
        scope,
        id,
        Array.from({ length: 20 }, (_, index) => message(`msg_${batch}_${index}`)),
      );
    const dying = withWrite(records, records.write.bind(records));
    dying.deletePartition = () => Promise.reject(new Error('The process dies.'));
    dying.list = () => Promise.reject(new Error('The process dies.'));
    const removal = createConversations(portsOver(dies ? dying : records)).remove(scope, id);
    if (dies) await expect(removal).rejects.toThrow('The process dies.');
    else await removal;
    await expect(conversations().getItem(scope, id, 'msg_large')).rejects.toMatchObject({ status: 404 });
    if (dies) {
      expect(await due()).toEqual(['conversation']);
      expect(await blobs.info(itemBlob(place, 'msg_large'))).toBeDefined();
      await sweep();
    }
    expect(await due()).toEqual([]);
    expect(await blobs.info(itemBlob(place, 'msg_large'))).toBeUndefined();
    expect((await records.list(conversationPartition(place), 'items', page)).records).toEqual([]);
  }
});

it('an item of a deleted conversation is not found by a reference, even before it is freed', async () => {
  const { id } = await conversations().create(scope, {});
  const place = conversationPlace(scope, id);
  const item = message(`msg_${place.key}${newId('')}abcdefg`);
  const find = conversationItemFinder(ports());
  await conversations().addItems(scope, id, [item]);
  expect(await find(scope, item.id)).toEqual(item);
  expect(await find({ tenant: 'other', project: 'p1' }, item.id)).toBeUndefined();
  const dying = withWrite(records, records.write.bind(records));
  dying.list = () => Promise.reject(new Error('The process dies.'));
  await expect(createConversations(portsOver(dying)).remove(scope, id)).rejects.toThrow('The process dies.');
  expect(await find(scope, item.id)).toBeUndefined();
});

it('items sort behind what is there, also where the clock has gone back', async () => {
  const { id } = await conversations().create(scope, { items: [message('msg_1'), message('msg_2')] });
  clock -= 3_600_000;
  await conversations().addItems(scope, id, [message('msg_3')]);
  const { lastOrder } = await itemCreations(ports(), conversationPlace(scope, id), [message('x')], '9');
  expect(lastOrder > '9').toBe(true);
  expect(await idsIn(id)).toEqual(['msg_1', 'msg_2', 'msg_3']);
});

it('a response and an addition that come at once never mix', async () => {
  const { id } = await conversations().create(scope, {});
  const place = conversationPlace(scope, id);
  const turns = Array.from({ length: 8 }, (_, index) => index);
  const outcomes = await Promise.allSettled(
    turns.map(async (index) => {
      const turn = await ConversationTurn.begin(ports(), place, newId(''));
      await turn.append('completed', [message(`msg_${index}a`), message(`msg_${index}b`)]);
      await turn.release();
    }),
  );
  const ids = await idsIn(id);
  expect(ids).toHaveLength(2 * outcomes.filter(({ status }) => status === 'fulfilled').length);
  expect(ids.length).toBeGreaterThan(0);
  for (const [index, one] of ids.entries()) if (index % 2 === 0) expect(ids[index + 1]).toBe(one.replace(/a$/, 'b'));
});
