/** Runs of models that ask for patience, and runs that more than one instance sees. */
import { advanceRun } from '../../src/assistants/advanceRun';
import { createRuns } from '../../src/assistants/runs';
import { createAssistants } from '../../src/assistants/assistants';
import { createThreads } from '../../src/assistants/threads';
import { ModelError } from '../../src/models/ports';
import { openAssistants, says, type Turn } from '../support/assistants';

let open: Awaited<ReturnType<typeof openAssistants>>;
beforeEach(async () => {
  open = await openAssistants();
});
afterEach(async () => {
  await open.close();
});

const limited =
  (options: { retryAfterSeconds?: number; code?: string } = {}): Turn =>
  () => {
    throw new ModelError('rate_limited', 'Too many calls.', options);
  };
/** A turn that says something and then waits until it is broken off; `begun` resolves when it waits. */
function endless() {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const turn: Turn = async function* (_request, signal) {
    yield { type: 'text', text: 'Once upon' };
    resolve();
    await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  };
  return { begun, turn };
}

it('a model that limits calls is asked again when it said, within the life of the run', async () => {
  open.turns.push(limited({ retryAfterSeconds: 100 }), limited(), limited({ retryAfterSeconds: 0 }), says('Now.'));
  const { reference } = await open.start();
  expect((await open.advance(reference))?.run.status).toBe('completed');
  const [asked = 0, first = 0, least = 0] = open.sleeps;
  expect(open.sleeps).toHaveLength(3);
  for (const [slept, wanted] of [
    [asked, 100_000],
    [first, 10_000],
    [least, 1_000],
  ] as const) {
    expect(slept).toBeGreaterThanOrEqual(wanted);
    expect(slept).toBeLessThanOrEqual(wanted * 1.1);
  }
});

it('a run fails when its life has no room for the wait', async () => {
  open.turns.push(limited({ retryAfterSeconds: 500 }), limited({ retryAfterSeconds: 500 }));
  const { reference } = await open.start();
  expect((await open.advance(reference))?.run).toMatchObject({
    status: 'failed',
    last_error: { code: 'rate_limit_exceeded', message: 'Too many calls.' },
  });
  expect(open.requests).toHaveLength(2);
  expect(open.sleeps).toHaveLength(1);
});

it('a quota that is used up fails the run at once', async () => {
  open.turns.push(limited({ code: 'insufficient_quota', retryAfterSeconds: 1 }));
  const { reference } = await open.start();
  expect((await open.advance(reference))?.run.last_error).toMatchObject({ code: 'rate_limit_exceeded' });
  expect(open.sleeps).toEqual([]);
});

it('a limit in the middle of an answer is not waited out, since the answer would begin again', async () => {
  open.turns.push(function* () {
    yield { type: 'text', text: 'Half' };
    throw new ModelError('rate_limited', 'Too many calls.');
  });
  const { reference } = await open.start();
  expect((await open.advance(reference))?.run.status).toBe('failed');
  expect(open.sleeps).toEqual([]);
});

it('a wait ends when the run is cancelled', async () => {
  open.turns.push(limited({ retryAfterSeconds: 300 }));
  const { reference } = await open.start();
  open.ports.sleep = async (_ms, signal) => {
    await open.runs.cancel(reference);
    await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  };
  expect((await open.advance(reference))?.run.status).toBe('cancelled');
});

it('a run that one instance drives stops within a second when another cancels it', async () => {
  const other = await open.otherInstance();
  const assistants = createAssistants(other);
  const runs = createRuns(other, assistants, createThreads(other));
  const { begun, turn } = endless();
  open.turns.push(turn);
  const { reference } = await open.start();
  const driven = open.advance(reference);
  await begun;
  const cancelled = performance.now();
  expect((await runs.cancel(reference)).status).toBe('cancelling');
  expect((await driven)?.run.status).toBe('cancelled');
  expect(performance.now() - cancelled).toBeLessThan(1_500);
  expect((await runs.get(reference)).status).toBe('cancelled');
});

it('of two instances that drive a run one does, and the other is told when to look again', async () => {
  const other = await open.otherInstance();
  const { begun, turn } = endless();
  open.turns.push(turn);
  const { reference } = await open.start();
  const driven = open.advance(reference);
  await begun;
  expect(await advanceRun(other, reference)).toMatchObject({ busyUntil: expect.any(Number) });
  await open.runs.cancel(reference);
  await driven;
  expect(open.requests).toHaveLength(1);
});

it('a run stops within a second when its thread is deleted', async () => {
  const { begun, turn } = endless();
  open.turns.push(turn);
  const { reference, thread } = await open.start();
  const driven = open.advance(reference);
  await begun;
  const deleted = performance.now();
  await open.threads.remove(open.scope, thread.id);
  await driven;
  expect(performance.now() - deleted).toBeLessThan(1_500);
  await expect(open.runs.get(reference)).rejects.toMatchObject({ status: 404 });
});

it('late outputs are refused as those of an expired run, even before anyone has ended it', async () => {
  open.turns.push(function* () {
    yield { type: 'tool_call', index: 0, id: 'call_1', name: 'weather', arguments: '{}' };
    yield { type: 'finish', reason: 'tool_calls' };
  });
  const { reference } = await open.start({ tools: [{ type: 'function', function: { name: 'weather' } }] });
  await open.advance(reference);
  open.clock.now += 600_000;
  await expect(open.runs.submitToolOutputs(reference, [{ tool_call_id: 'call_1', output: '' }])).rejects.toThrow(
    /^Runs in status "expired" do not accept tool outputs\.$/,
  );
});

it('a store that fails for a moment while a run is driven does not end the run', async () => {
  const { reference } = await open.start();
  const { get } = open.records;
  const { promise: failed, resolve } = Promise.withResolvers<void>();
  open.turns.push(async function* () {
    yield { type: 'text', text: 'Still ' };
    open.records.get = () => {
      resolve();
      return Promise.reject(new Error('The store is away.'));
    };
    await failed;
    open.records.get = get;
    yield { type: 'text', text: 'here.' };
    yield { type: 'finish', reason: 'stop' };
  });
  expect((await open.advance(reference))?.run.status).toBe('completed');
  expect(open.faults).toHaveLength(1);
});
