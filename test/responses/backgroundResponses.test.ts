/** Responses in the background whose owners die, are slow, or cannot store what they did. */
import { setTimeout as sleep } from 'node:timers/promises';
import { driveKey, settingsKey } from '../../src/responses/backgroundRecords';
import { sweepEvents, sweepResponse } from '../../src/responses/responseSweep';
import { ConflictError, type Records } from '../../src/storage/ports';
import { calls, says, type Turn } from '../support/assistants';
import { openResponses } from '../support/responses';
import { withWrite } from '../support/storage';

let open: Awaited<ReturnType<typeof openResponses>>;
beforeEach(async () => {
  open = await openResponses();
});
afterEach(async () => {
  await open.close();
});

/** A turn that goes so far and then waits until it is broken off. */
const stalls = (turn: Turn): Turn =>
  async function* (request, signal) {
    for await (const event of turn(request, signal)) if (event.type !== 'finish') yield event;
    await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  };

/** Records of an instance that dies: from then on nothing that it writes arrives, and it is told that others were faster. */
function dying(records: Records) {
  const state = { isDead: false };
  const view = withWrite(records, async (...args) => {
    if (state.isDead) throw new ConflictError(driveKey(lost));
    return records.write(...args);
  });
  return { state, view };
}
const lost = { scope: { tenant: 't', project: '-' }, key: { chain: 'c', turn: 't' } };

/** Drives the response at an instance that dies once `isFar` says so, and lets its lease lapse. */
async function driveAndDie(reference: Parameters<typeof open.responses.advance>[0], isFar: () => Promise<boolean>) {
  const { state, view } = dying(open.records);
  const driving = open
    .elsewhere(view)
    .advance(reference)
    .catch(() => undefined);
  while (!(await isFar())) await sleep(20);
  state.isDead = true;
  open.clock.now += 10_001;
  return driving;
}

const batches = async (reference: { key: { turn: string } } & Parameters<typeof driveKey>[0]): Promise<number> =>
  (await open.records.list(driveKey(reference).partition, `events/${reference.key.turn}`, { order: 'asc', limit: 50 }))
    .records.length;

it('keeps secrets of its tools until its end and no longer', async () => {
  const reference = await open.begin({
    tools: [{ type: 'mcp', server_label: 'notes', server_url: 'https://notes.example', authorization: 'the-secret' }],
  });
  expect(JSON.stringify((await open.records.get(settingsKey(reference)))?.value)).toContain('the-secret');
  await open.responses.cancel(open.scope, reference.id);
  expect(await open.records.get(settingsKey(reference))).toBeUndefined();
  expect(await open.records.get(driveKey(reference))).toBeUndefined();
  expect(JSON.stringify(await open.get(reference.id))).not.toContain('the-secret');
});

it('is driven by one of many that try at the same time, to one end', async () => {
  const reference = await open.begin();
  open.turns.push(says('Once.'));
  await Promise.all(Array.from({ length: 6 }, async () => open.responses.advance(reference)));
  expect(open.requests).toHaveLength(1);
  const events = await open.events(reference.id);
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_event, index) => index));
  expect(await open.responses.advance(reference)).toBeUndefined();
  expect(open.requests).toHaveLength(1);
});

it('keeps a message that was whole and closes the calls behind it that were not, each at its place', async () => {
  const reference = await open.begin({
    tools: [
      { type: 'function', name: 'ask', strict: false },
      { type: 'code_interpreter', container: { type: 'auto' } },
    ],
  });
  open.turns.push(
    stalls(function* () {
      yield { type: 'text', text: 'Let me see.' };
      yield { type: 'tool_call', index: 0, id: 'c1', name: 'ask', arguments: '{"a"' };
      yield { type: 'tool_call', index: 1, id: 'c2', name: 'code_interpreter', arguments: '{"code":"1' };
    }),
    says('It is so.'),
  );
  await driveAndDie(reference, async () => (await batches(reference)) >= 3);
  await open.responses.advance(reference);
  expect(await open.get(reference.id)).toMatchObject({
    status: 'completed',
    output: [
      { type: 'message', status: 'completed', content: [{ text: 'Let me see.' }] },
      { type: 'function_call', status: 'incomplete' },
      { type: 'code_interpreter_call', status: 'incomplete' },
      { type: 'message', content: [{ text: 'It is so.' }] },
    ],
  });
  // The model is not told of what was broken off.
  expect(open.requests.at(-1)?.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant']);
  const numbers = (await open.events(reference.id)).map((event) => event.sequence_number);
  expect(numbers).toEqual(numbers.map((_number, index) => index));
  // And it can be continued, though a call of it has no output.
  const next = await open.begin({ previous_response_id: reference.id });
  open.turns.push(says('Yes.'));
  await open.responses.advance(next);
  expect(await open.get(next.id)).toMatchObject({ status: 'completed' });
});

it('runs code again that a crash interrupted, and then leaves the calls of functions to the caller', async () => {
  const reference = await open.begin({
    tools: [
      { type: 'function', name: 'ask', strict: false },
      { type: 'code_interpreter', container: { type: 'auto' } },
    ],
  });
  open.turns.push(
    calls(
      { id: 'c1', name: 'code_interpreter', arguments: '{"code":"1+1"}' },
      { id: 'c2', name: 'ask', arguments: '{}' },
    ),
  );
  let runs = 0;
  const hangs = async (signal?: AbortSignal): Promise<never> => {
    runs += 1;
    return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  };
  open.codeResults.push(hangs, { logs: '2', images: [], files: [] });
  await driveAndDie(reference, async () => Promise.resolve(runs === 1));
  await open.responses.advance(reference);
  expect(await open.get(reference.id)).toMatchObject({
    status: 'completed',
    output: [
      { type: 'code_interpreter_call', status: 'completed', outputs: [{ logs: '2' }] },
      { type: 'function_call', status: 'completed', call_id: 'c2' },
    ],
  });
  expect(open.requests).toHaveLength(1);
});

it('is given up after a day, with what it has', async () => {
  const reference = await open.begin();
  open.clock.now += 24 * 60 * 60 * 1000 + 1;
  await open.responses.advance(reference);
  expect(open.requests).toHaveLength(0);
  expect(await open.get(reference.id)).toMatchObject({
    status: 'failed',
    error: { message: expect.stringContaining('within its time') },
  });
});

it('fails where it grows larger than what is stored at once', async () => {
  const reference = await open.begin();
  open.turns.push(says('A long story.'));
  const tooLarge = withWrite(open.records, async (partition, changes, due) => {
    const isPast = changes.some((change) => change.op === 'create' && JSON.stringify(change.value).includes('story'));
    if (isPast) changes.push({ op: 'create', list: 'x', id: 'x', order: 'x', value: 'x'.repeat(3 * 1024 * 1024) });
    return open.records.write(partition, changes, due);
  });
  await open.elsewhere(tooLarge).advance(reference);
  const response = await open.get(reference.id);
  expect(response).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('larger than') } });
  expect((await open.events(reference.id)).at(-1)).toMatchObject({ type: 'response.failed', response });
});

it('is started by the sweep where nobody drives it, and left alone while somebody does', async () => {
  const reference = await open.begin();
  const started: unknown[] = [];
  const sweep = async () => {
    const [due] = await open.due();
    if (!due) throw new Error('Nothing is due.');
    await sweepResponse(open.ports, due, async (found) => Promise.resolve(void started.push(found)));
  };
  await sweep();
  expect(started).toEqual([{ scope: reference.scope, key: reference.key }]);
  let isAsked = false;
  open.turns.push(
    stalls(function* () {
      isAsked = true;
      yield { type: 'text', text: 'Hm.' };
    }),
  );
  const driving = open.responses.advance(reference);
  while (!isAsked) await sleep(10);
  await sweep();
  expect(started).toHaveLength(1);
  await open.responses.cancel(open.scope, reference.id);
  expect(await driving).toMatchObject({ busyUntil: expect.any(Number) });
  await sweep();
  expect(started).toHaveLength(1);
});

it('keeps its events for an hour, and says afterwards that they are gone', async () => {
  const reference = await open.begin();
  open.turns.push(says('So.'));
  await open.responses.advance(reference);
  const [due] = await open.due();
  expect(due).toMatchObject({ kind: 'responseEvents', at: Math.floor(open.clock.now / 1000) + 3600 });
  if (due) await sweepEvents(open.records, due);
  await expect(open.events(reference.id)).rejects.toMatchObject({ status: 400 });
  expect(await open.get(reference.id)).toMatchObject({ status: 'completed' });
  expect(await open.due()).toEqual([]);
});
