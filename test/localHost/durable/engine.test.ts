import * as df from 'durable-functions';
import { startDurable } from '../../../src/localHost/durable/engine';
import { invoker } from './fixtures/coreModule';
import { calls, closeGate, deploy, failures, reset } from './fixtures/sampleFunctions';
import { ended, reached, startHost, until, type DurableHost } from './fixtures/durableHost';

jest.mock(
  '@azure/functions-core',
  () => jest.requireActual<{ coreModule: object }>('./fixtures/coreModule').coreModule,
  {
    virtual: true,
  },
);

let host: DurableHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(async () => {
  await host.close();
});
beforeEach(reset);

const run = async (name: string, input?: unknown) => {
  const id = await host.client.startNew(name, { input });
  return ended(host.client, id);
};

describe('activities', () => {
  it('run one after the other, each with the result of the one before', async () => {
    const status = await run('sequence', { given: 1 });
    expect(status).toMatchObject({ name: 'sequence', runtimeStatus: 'Completed', output: ['ab', { given: 1 }] });
    expect(status.input).toEqual({ given: 1 });
  });

  it('fan out and come back in the order of the tasks', async () => {
    const { output } = await run('fanOut');
    expect(output).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it('get their inputs as the real host passes them', async () => {
    const { output } = await run('values');
    const [none, nothing, text, quoted, json, whole, fraction, yes, object, list] = output as {
      type: string;
      value: unknown;
      metadata: Record<string, unknown>;
    }[];
    expect([none?.type, nothing?.type]).toEqual(['undefined', 'undefined']);
    expect([text?.value, quoted?.value, json?.value]).toEqual(['text', '"quoted"', '{"a":1}']);
    expect([whole?.value, fraction?.value, yes?.value]).toEqual([7, 1.5, 'True']);
    expect([object?.value, list?.value]).toEqual([{ a: { b: 1 } }, [1]]);
    expect(object?.metadata).toMatchObject({ a: { b: 1 }, data: { a: { b: 1 } }, instanceId: expect.any(String) });
  });

  it('that fail throw what the real host makes of it', async () => {
    const { output } = await run('activityFails');
    expect(output).toMatch(/^Activity function 'fail' failed: {2}bad luck \n \S/);
  });

  it('that are not registered leave the instance Running, and the log says so', async () => {
    const id = await host.client.startNew('asksUnknown');
    await until(async () =>
      host.logged.some((line) => line.startsWith('error') && line.includes("'nobody'") && line.includes(id)),
    );
    expect((await host.client.getStatus(id)).runtimeStatus).toBe('Running');
    await host.client.terminate(id, 'enough');
    expect(await ended(host.client, id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
  });
});

describe('retry policies', () => {
  it('try again after growing delays, and later tasks get their own results', async () => {
    const { output } = await run('retried', { key: 'grows', times: 2, attempts: 3 });
    expect(output).toMatchObject({ attempt: 3, after: 'after' });
    expect((output as { waited: number }).waited).toBeGreaterThanOrEqual(60);
  });

  it('give up after the last attempt', async () => {
    const status = await run('retried', { key: 'gives up', times: 9, attempts: 2 });
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain(
      "Orchestrator function 'retried' failed: Activity function 'flaky' failed:  attempt 2",
    );
    expect(failures.get('gives up')).toBe(2);
  });

  it('keep parallel tasks apart', async () => {
    expect((await run('parallelRetries')).output).toEqual([4, 2, 3, 'after']);
  });

  it('run sub-orchestrations again', async () => {
    const { instanceId, output } = await run('parentRetry');
    expect(output).toEqual([[`${instanceId}-c`, { fails: 2, key: instanceId }], 'after']);
  });
});

describe('sub-orchestrations', () => {
  it('return their outputs, under generated and given ids', async () => {
    const { instanceId, output } = await run('parent');
    expect(output).toEqual([
      [expect.stringMatching(/^[0-9a-f]{32}:0$/), 'x'],
      [`${instanceId}-child`, 'y'],
    ]);
    expect((await host.client.getStatus(`${instanceId}-child`)).runtimeStatus).toBe('Completed');
  });

  it('that fail throw in the parent', async () => {
    expect((await run('parentFails')).output).toMatch(
      /^Orchestrator function 'throws' failed: inner \n Message: inner/,
    );
  });
});

describe('timers and events', () => {
  it('an event beats the timer, which is cancelled and holds nothing up', async () => {
    const id = await host.client.startNew('race', { input: { milliseconds: 3_600_000, cancel: true } });
    await reached(host.client, id, 'waiting');
    await host.client.raiseEvent(id, 'go', { a: 1 });
    expect((await ended(host.client, id)).output).toEqual(['event', 'after']);
  });

  it('a timer that is not cancelled keeps the instance Running until it fires', async () => {
    const id = await host.client.startNew('race', { input: { milliseconds: 1_000, cancel: false } });
    await reached(host.client, id, 'waiting');
    await host.client.raiseEvent(id, 'go', {});
    await reached(host.client, id, 'raced');
    await until(async () =>
      host.logged.some((line) => line.startsWith('warn') && line.includes(id) && line.includes('Cancel timers')),
    );
    expect((await host.client.getStatus(id)).runtimeStatus).toBe('Running');
    expect((await ended(host.client, id)).output).toEqual(['event', 'after']);
  });

  it('the timer wins when no event comes', async () => {
    expect((await run('race', { milliseconds: 30, cancel: true })).output).toEqual(['timer', 'after']);
  });

  it('events that are raised before they are awaited are kept in order', async () => {
    const open = closeGate();
    const id = await host.client.startNew('earlyEvent');
    await reached(host.client, id, 'ready');
    await host.client.raiseEvent(id, 'late', 'one');
    await host.client.raiseEvent(id, 'late', null);
    open();
    expect((await ended(host.client, id)).output).toEqual(['one', null]);
  });

  it('an event whose name differs in case does not reach the library', async () => {
    const id = await host.client.startNew('caseOfEvent');
    await reached(host.client, id, 'ready');
    await host.client.raiseEvent(id, 'go', 1);
    await host.client.raiseEvent(id, 'Go', 2);
    expect((await ended(host.client, id)).output).toBe(2);
  });

  it('a timer of 14 days is a chain of timers that ends on time', async () => {
    let ahead = 0;
    const early = await startHost({ now: () => Date.now() + ahead });
    try {
      const id = await early.client.startNew('longTimer');
      await reached(early.client, id, 'sleeping');
      for (const days of [3, 3, 3, 5]) {
        expect((await early.client.getStatus(id)).runtimeStatus).toBe('Running');
        const before = (await early.client.getStatus(id)).lastUpdatedTime.getTime();
        ahead += days * 24 * 3600 * 1000 + 10;
        await until(async () => (await early.client.getStatus(id)).lastUpdatedTime.getTime() > before);
      }
      expect((await ended(early.client, id)).output).toEqual([true, 'woken']);
    } finally {
      await early.close();
    }
  });
});

describe('continue-as-new', () => {
  it('begins again with a new input and an empty history', async () => {
    const id = await host.client.startNew('loop', { input: { left: 20, sum: 0 } });
    expect((await ended(host.client, id)).output).toBe(210);
    const response = await fetch(`${host.binding.rpcBaseUrl}instances/${id}?showHistory=true&showHistoryOutput=true`);
    const { historyEvents } = (await response.json()) as { historyEvents: { EventType: string }[] };
    expect(historyEvents.map((event) => event.EventType)).toEqual([
      'ExecutionStarted',
      'TaskCompleted',
      'ExecutionCompleted',
    ]);
  });

  it('keeps the events that it has not taken up yet', async () => {
    const id = await host.client.startNew('counter', { input: { count: 1, values: [] } });
    await Promise.all([1, 2, 3, 4, 5].map((value) => host.client.raiseEvent(id, 'add', value)));
    expect(new Set((await ended(host.client, id)).output as number[])).toEqual(new Set([1, 2, 3, 4, 5]));
  });
});

describe('clients', () => {
  it('terminate, and results that come later are dropped', async () => {
    const open = closeGate();
    const id = await host.client.startNew('working');
    await until(async () => calls.includes(id));
    await host.client.terminate(id, 'no more');
    const status = await ended(host.client, id);
    expect(status).toMatchObject({ runtimeStatus: 'Terminated', output: 'no more' });
    open();
    await host.client.terminate(id, 'again');
    expect((await host.client.getStatus(id)).output).toBe('no more');
  });

  it('suspend and resume: what arrives meanwhile is taken up in order afterwards, also after a restart', async () => {
    const id = await host.client.startNew('patient');
    await reached(host.client, id, 'waiting');
    await host.client.raiseEvent(id, 'next', 1);
    await host.client.suspend(id, 'pause');
    await until(async () => (await host.client.getStatus(id)).runtimeStatus === 'Suspended');
    await host.client.raiseEvent(id, 'next', 2);
    await host.restart();
    await host.client.raiseEvent(id, 'next', 3);
    expect((await host.client.getStatus(id)).runtimeStatus).toBe('Suspended');
    await host.client.resume(id, 'go on');
    expect((await ended(host.client, id)).output).toEqual([1, 2, 3]);
  });

  it('a result that comes during suspension waits, and the orchestration goes on with it', async () => {
    const open = closeGate();
    const id = await host.client.startNew('working');
    await until(async () => calls.includes(id));
    await host.client.suspend(id, 'pause');
    await until(async () => (await host.client.getStatus(id)).runtimeStatus === 'Suspended');
    open();
    await host.restart();
    expect((await host.client.getStatus(id)).runtimeStatus).toBe('Suspended');
    await host.client.resume(id, 'go on');
    expect((await ended(host.client, id)).output).toEqual([id, 'second']);
  });

  it('purge one instance, and all of a filter, never what still runs', async () => {
    const first = await run('sequence');
    expect(await host.client.purgeInstanceHistory(first.instanceId)).toEqual({ instancesDeleted: 1 });
    expect(await host.client.purgeInstanceHistory(first.instanceId)).toMatchObject({ instancesDeleted: 0 });
    await expect(host.client.getStatus(first.instanceId)).rejects.toThrow('404');
    const finishedId = (await run('sequence')).instanceId;
    const runningId = await host.client.startNew('patient');
    const filter = {
      createdTimeFrom: new Date(0),
      runtimeStatus: [df.OrchestrationRuntimeStatus.Completed, df.OrchestrationRuntimeStatus.Running],
    };
    const purged = await host.client.purgeInstanceHistoryBy(filter);
    expect(purged.instancesDeleted).toBeGreaterThan(0);
    await expect(host.client.getStatus(finishedId)).rejects.toThrow('404');
    expect((await host.client.getStatus(runningId)).runtimeStatus).toMatch(/Running|Pending/);
    expect(await host.client.purgeInstanceHistory(runningId)).toEqual({ instancesDeleted: 1 });
  });

  it('start an id once while it is unfinished, and again when it has ended', async () => {
    const starts = await Promise.allSettled(
      [1, 2, 3].map((input) => host.client.startNew('patient', { instanceId: 'only-one', input })),
    );
    expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(starts.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { message: expect.stringContaining('status code: 500') },
    });
    await host.client.terminate('only-one', 'done');
    await ended(host.client, 'only-one');
    await host.client.startNew('sequence', { instanceId: 'only-one', input: 'fresh' });
    expect(await ended(host.client, 'only-one')).toMatchObject({ name: 'sequence', output: ['ab', 'fresh'] });
  });

  it('list by creation time and status, over several pages', async () => {
    const from = new Date();
    await Promise.all(Array.from({ length: 120 }, () => run('throws', 'listed')));
    const listed = await host.client.getStatusBy({
      createdTimeFrom: from,
      runtimeStatus: [df.OrchestrationRuntimeStatus.Failed],
    });
    expect(new Set(listed.map(({ instanceId }) => instanceId)).size).toBe(120);
    expect(listed.every(({ runtimeStatus }) => runtimeStatus === 'Failed')).toBe(true);
    expect(await host.client.getStatusBy({ createdTimeTo: new Date(0) })).toEqual([]);
  });
});

describe('failures', () => {
  it('of an orchestrator are its output', async () => {
    expect(await run('throws', 'oh')).toMatchObject({
      runtimeStatus: 'Failed',
      output: "Orchestrator function 'throws' failed: oh",
    });
  });

  it('of Task.all reach the orchestrator at once, but the next task waits for the siblings', async () => {
    const open = closeGate();
    const id = await host.client.startNew('failFast');
    await reached(host.client, id, 'caught');
    expect((await host.client.getStatus(id)).runtimeStatus).toBe('Running');
    open();
    expect(await ended(host.client, id)).toMatchObject({ runtimeStatus: 'Completed', output: 'handled' });
  });

  it('an orchestrator that contradicts its history fails with a text that says so', async () => {
    deploy(1);
    const id = await host.client.startNew('changing');
    await until(async () => calls.includes(id));
    deploy(2);
    await host.client.raiseEvent(id, 'go', 1);
    const status = await ended(host.client, id);
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain(
      "Non-deterministic orchestrator: as task 0 history has TaskScheduled 'record', but this replay schedules TaskScheduled 'echo'",
    );
  });

  it('an error without a message leaves the instance Running, and the log says so', async () => {
    const id = await host.client.startNew('emptyError');
    await until(async () =>
      host.logged.some((line) => line.startsWith('error') && line.includes(id) && line.includes('without a message')),
    );
    expect((await host.client.getStatus(id)).runtimeStatus).toBe('Running');
    await host.client.purgeInstanceHistory(id);
  });

  it.each([
    ['entity', 'The local host does not support entities'],
    ['http', 'The local host does not support callHttp'],
  ])('%s is refused by name', async (name, text) => {
    expect(await run(name)).toMatchObject({ runtimeStatus: 'Failed', output: expect.stringContaining(text) });
  });
});

describe('restarts', () => {
  it('activities that ran are run again, timers and waiting orchestrations go on', async () => {
    const open = closeGate();
    const working = await host.client.startNew('working');
    const timing = await host.client.startNew('race', { input: { milliseconds: 300, cancel: true } });
    const waiting = await host.client.startNew('patient');
    await Promise.all([
      until(async () => calls.includes(working)),
      reached(host.client, timing, 'waiting'),
      reached(host.client, waiting, 'waiting'),
    ]);
    await host.restart();
    open();
    expect((await ended(host.client, working)).output).toEqual([working, 'second']);
    expect(calls.filter((call) => call === working)).toHaveLength(2);
    expect((await ended(host.client, timing)).output).toEqual(['timer', 'after']);
    for (const value of [1, 2, 3]) await host.client.raiseEvent(waiting, 'next', value);
    expect((await ended(host.client, waiting)).output).toEqual([1, 2, 3]);
  });

  it('a second engine on the same file is refused', async () => {
    const settings = { maxConcurrentActivities: 1, maxConcurrentOrchestrators: 1 };
    const second = startDurable({
      invoker,
      databaseFile: host.file,
      hubName: 'TestHub',
      hostPort: 55_000,
      publicOrigin: 'http://localhost',
      settings,
      log: () => undefined,
    });
    await expect(second).rejects.toThrow('another host has it open');
  });
});
