/** The end of the process: runs are let go where they stand, and another owner goes on. */
import { runKey, RUN_DUE, type RunRecord } from '../../src/assistants/threadRecords';
import { advanceRun } from '../../src/assistants/advanceRun';
import { HandOver } from '../../src/storage/handOver';
import { calls, openAssistants, says } from '../support/assistants';

const tools = [{ type: 'code_interpreter' as const }];

/** A run in the midst of its code, which fails as its process would when it is ended. */
async function inCode() {
  const open = await openAssistants();
  const { reference } = await open.start({ tools });
  open.turns.push(calls({ id: 'call_1', name: 'code_interpreter', arguments: '{"code":"1+1"}' }));
  const begun = Promise.withResolvers<void>();
  open.codeResults.push(async (signal) => {
    begun.resolve();
    await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
    throw new Error('The process ended.');
  });
  const handOver = new HandOver();
  const ports = { ...open.ports, ending: handOver.signal };
  const advance = async () => handOver.track(advanceRun(ports, reference));
  const driving = advance();
  await begun.promise;
  return { open, reference, handOver, advance, driving };
}

it('lets a run go in the midst of its code, which the next owner runs again at once, without the model', async () => {
  const { open, reference, handOver, driving } = await inCode();
  try {
    await handOver.end();
    expect(await driving).toMatchObject({ run: { status: 'in_progress' }, busyUntil: expect.any(Number) });
    const stored = await open.records.get<RunRecord>(runKey(reference));
    expect(stored?.value).toMatchObject({ lease: null, run: { status: 'in_progress', last_error: null } });
    const due = await open.records.due(Math.floor(open.clock.now / 1000), 10);
    expect(due).toMatchObject([{ kind: RUN_DUE, id: reference.runId }]);

    open.codeResults.push({ logs: '2', images: [], files: [] });
    open.turns.push(says('Two.'));
    expect((await open.advance(reference))?.run.status).toBe('completed');
    expect(open.requests).toHaveLength(2);
    expect(open.codeCalls).toHaveLength(2);
    expect(open.faults).toEqual([]);
  } finally {
    await open.close();
  }
});

it('takes no run any more once it has handed over', async () => {
  const { open, reference, handOver, advance, driving } = await inCode();
  try {
    await handOver.end();
    await driving;
    expect(await advance()).toMatchObject({ run: { status: 'in_progress' }, busyUntil: expect.any(Number) });
    expect((await open.records.get<RunRecord>(runKey(reference)))?.value.lease).toBeNull();
  } finally {
    await open.close();
  }
});

it('does not touch a run that ended before', async () => {
  const open = await openAssistants();
  try {
    const { reference } = await open.start();
    open.turns.push(says('Far.'));
    const handOver = new HandOver();
    const advance = async () => handOver.track(advanceRun({ ...open.ports, ending: handOver.signal }, reference));
    await advance();
    const before = await open.records.get(runKey(reference));
    await handOver.end();
    expect(await open.records.get(runKey(reference))).toEqual(before);
    expect(await advance()).toMatchObject({ run: { status: 'completed' } });
  } finally {
    await open.close();
  }
});
