/** An agent is there whole and listed, or not at all, whatever write a crash comes before. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgents } from '../../src/agents/agents';
import { sweepAgent } from '../../src/agents/agentPurge';
import {
  AGENT_DUE,
  agentOfDue,
  agentPartition,
  agentsPartition,
  type AgentReference,
} from '../../src/agents/agentRecords';
import type { Scope } from '../../src/scope';
import { PLACE_DUE, sweepPlace } from '../../src/storage/deletedPlaces';
import type { Records } from '../../src/storage/ports';
import type { CreateAgentVersionRequest } from '../../src/wire/agents';
import { openRecords } from '../support/storage';

const FAR = 4_000_000_000;
const NAME = 'poet';
const page = { order: 'desc', limit: 100 } as const;
const scope: Scope = { tenant: 'team', project: 'p1' };
const body = (instructions: string): CreateAgentVersionRequest => ({
  definition: { kind: 'prompt', model: 'm', instructions },
});

let folder: string;
let records: Records;
let clock: number;
/** Every agent that was ever begun, whether or not it shows. */
let begun: AgentReference[];
const agentsOver = (over: Records) => createAgents({ records: over, now: () => clock });
const agents = () => agentsOver(records);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agents-'));
  const opened = await openRecords(folder);
  begun = [];
  clock = 1_790_000_000_000;
  records = {
    ...methodsOf(opened),
    async write(partition, changes, due) {
      begun.push(...(due?.add ?? []).filter(({ kind }) => kind === AGENT_DUE).map(agentOfDue));
      return opened.write(partition, changes, due);
    },
  };
});
afterEach(async () => {
  await records.close();
  await rm(folder, { recursive: true, force: true });
});

const methodsOf = (store: Records): Records => ({
  get: store.get.bind(store),
  list: store.list.bind(store),
  partitions: store.partitions.bind(store),
  lists: store.lists.bind(store),
  due: store.due.bind(store),
  close: store.close.bind(store),
  write: store.write.bind(store),
  deletePartition: store.deletePartition.bind(store),
  writeDue: store.writeDue.bind(store),
});

class Crash extends Error {}

/** Records that fail from change number `steps` on, as they do for a process that is gone. */
function crashing(steps: number): Records & { left: number } {
  const counted = { left: steps };
  const step =
    <A extends unknown[], T>(method: (...given: A) => Promise<T>) =>
    async (...given: A): Promise<T> => {
      if (counted.left <= 0) throw new Crash();
      counted.left -= 1;
      return method(...given);
    };
  const { write, deletePartition, writeDue } = records;
  return Object.assign(counted, {
    ...records,
    write: step(write),
    deletePartition: step(deletePartition),
    writeDue: step(writeDue),
  });
}

const sweep = async () => {
  for (const due of await records.due(FAR, 100)) await (due.kind === PLACE_DUE ? sweepPlace : sweepAgent)(records, due);
};
const listed = async () => (await agents().list(scope, page)).data.map(({ id, version }) => `${id}:${version}`);
const versions = async () => (await agents().listVersions(scope, NAME, page)).data.map(({ id }) => id);
/** What there is of every agent that was begun, whether or not it shows. */
const remains = async () => {
  const places = [...new Set(begun.map(agentPartition))].flatMap((partition) =>
    ['agent', 'versions'].map((list) => [partition, list] as const),
  );
  const found = await Promise.all(
    [...places, [agentsPartition(scope), 'agents'] as const].map(async (place) => records.list(...place, page)),
  );
  return found.flatMap((there) => there.records);
};

it.each([0, 1])('a creation that dies at write %d leaves nothing when the sweep has come', async (steps) => {
  await expect(agentsOver(crashing(steps)).create(scope, NAME, body('One.'))).rejects.toThrow(Crash);
  expect(await listed()).toEqual([]);
  await expect(agents().get(scope, NAME)).rejects.toMatchObject({ status: 404 });
  expect((await remains()).length > 0).toBe(steps > 0);
  await sweep();
  expect(await remains()).toEqual([]);
  expect(await records.due(FAR, 10)).toEqual([]);
});

it('a creation that is done takes two writes, and the sweep has nothing to do', async () => {
  const counted = crashing(2);
  await agentsOver(counted).create(scope, NAME, body('One.'));
  expect(counted.left).toBe(0);
  expect(await records.due(FAR, 10)).toEqual([]);
  expect(await listed()).toEqual(['poet:1']);
});

it('a creation that died does not hold the name back', async () => {
  await expect(agentsOver(crashing(1)).create(scope, NAME, body('One.'))).rejects.toThrow(Crash);
  await agents().create(scope, NAME, body('Another.'));
  await sweep();
  expect(await versions()).toEqual(['poet:1']);
  expect((await agents().resolve(scope, { name: NAME })).definition.instructions).toBe('Another.');
});

it.each([1, 2, 3, 4])('a deletion that dies at step %d is finished by the sweep', async (steps) => {
  for (const text of ['One.', 'Two.']) await agents().createVersion(scope, NAME, body(text));
  await expect(agentsOver(crashing(steps)).remove(scope, NAME)).rejects.toThrow(Crash);
  expect(await listed()).toEqual([]);
  for (const version of ['1', '2'])
    await expect(agents().resolve(scope, { name: NAME, version })).rejects.toMatchObject({ status: 404 });
  await sweep();
  expect(await remains()).toEqual([]);
  expect(await records.due(FAR, 10)).toEqual([]);
});

it.each([1, 2, 3, 4])('an agent made anew while the deletion at step %d waits for the sweep stays', async (steps) => {
  for (const text of ['One.', 'Two.']) await agents().createVersion(scope, NAME, body(text));
  await expect(agentsOver(crashing(steps)).remove(scope, NAME)).rejects.toThrow(Crash);
  await agents().createVersion(scope, NAME, body('New.'));
  const before = await agents().get(scope, NAME);
  await sweep();
  expect(await agents().get(scope, NAME)).toEqual(before);
  expect(await versions()).toEqual(['poet:1']);
  expect(await records.due(FAR, 10)).toEqual([]);
  // The record, the version and the entry: nothing of the first.
  expect(await remains()).toHaveLength(3);
});

it('deleting the last version deletes the agent in the same write', async () => {
  await agents().createVersion(scope, NAME, body('One.'));
  await expect(agentsOver(crashing(1)).removeVersion(scope, NAME, '1')).rejects.toThrow(Crash);
  expect(await listed()).toEqual([]);
  await sweep();
  expect(await remains()).toEqual([]);
});

it('a creation that took too long gives up before the sweep could take it for dead', async () => {
  const slow: Records = {
    ...records,
    async write(...given) {
      clock += 601_000;
      return records.write(...given);
    },
  };
  await expect(agentsOver(slow).create(scope, NAME, body('One.'))).rejects.toThrow('Retry');
  await sweep();
  expect(await remains()).toEqual([]);
});

it('two creations at once make one agent, of two versions where they differ', async () => {
  await Promise.all(['One.', 'Two.'].map(async (text) => agents().create(scope, NAME, body(text))));
  expect(await versions()).toEqual(['poet:2', 'poet:1']);
  expect(await records.due(FAR, 10)).toEqual([]);
  expect(await remains()).toHaveLength(4);
});

it.each([
  ['its only version', async () => agents().removeVersion(scope, NAME, '1'), 'poet:2'],
  ['the agent', async () => agents().remove(scope, NAME), undefined],
] as const)('a version that is created while %s is deleted is where its number says', async (_what, remove, second) => {
  for (let round = 0; round < 20; round += 1) {
    await agents().createVersion(scope, NAME, body('One.'));
    const [made] = await Promise.all([agents().createVersion(scope, NAME, body('Two.')), remove()]);
    // The second came before the deletion, and went with the agent if that was deleted; the first is of a new agent.
    expect(await listed()).toEqual(made.version === '1' ? ['poet:1'] : [second].filter(Boolean));
    if ((await listed()).length > 0) await agents().remove(scope, NAME);
  }
  await sweep();
  expect(await remains()).toEqual([]);
  expect(await records.due(FAR, 10)).toEqual([]);
});

it('versions sort by number, whatever the clocks say', async () => {
  for (let number = 1; number <= 12; number += 1) {
    await agents().createVersion(scope, NAME, body(String(number)));
    clock -= 60_000;
  }
  expect(await versions()).toEqual(Array.from({ length: 12 }, (_, index) => `poet:${12 - index}`));
});

it('resolves a name to its latest version, or to the one asked for, with the secrets of its tools', async () => {
  const secret = {
    type: 'mcp',
    server_label: 'docs',
    server_url: 'https://a.example/mcp',
    authorization: 'key',
  } as const;
  const definition = { ...body('One.').definition, tools: [secret] };
  await agents().createVersion(scope, NAME, { definition });
  await agents().createVersion(scope, NAME, body('Two.'));
  const first = await agents().resolve(scope, { name: NAME, version: '1' });
  expect(first).toEqual({ name: NAME, version: '1', definition });
  const latest = { name: NAME, version: '2', definition: body('Two.').definition };
  expect(await agents().resolve(scope, { name: NAME })).toEqual(latest);
  expect(await agents().resolve(scope, { name: NAME, version: 'latest' })).toEqual(latest);
  for (const named of [{ name: NAME, version: '3' }, { name: 'nobody' }, { name: 'x'.repeat(100_000) }])
    await expect(agents().resolve(scope, named)).rejects.toMatchObject({
      status: 404,
      details: { code: 'not_found' },
    });
});
