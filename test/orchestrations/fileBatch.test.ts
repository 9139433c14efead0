import { fileBatch, type FileBatchInput } from '../../src/orchestrations/fileBatch';

const job = { scope: { tenant: 't', project: '-' }, storeId: 'vs_1', jobId: 'vsfb_1' };
const counts = (total: number, open: number) => ({
  in_progress: open,
  completed: total - open,
  failed: 0,
  cancelled: 0,
  total,
});

interface FakeTask {
  name: string;
  input?: unknown;
  isCompleted?: boolean;
  result?: unknown;
}

/** The orchestration context, recording what the orchestrator asks of it. */
function fakeOrchestration(input: FileBatchInput = { job }) {
  const statuses: unknown[] = [];
  const continued: unknown[] = [];
  const df = {
    getInput: () => input,
    currentUtcDateTime: new Date(0),
    callActivity: (name: string, given: unknown): FakeTask => ({ name, input: given }),
    createTimer: (at: Date): FakeTask => ({ name: 'timer', input: at.getTime() }),
    waitForExternalEvent: (name: string): FakeTask => ({ name }),
    Task: {
      any: (tasks: FakeTask[]): FakeTask => ({ name: 'any', input: tasks }),
      all: (tasks: FakeTask[]): FakeTask => ({ name: 'all', input: tasks }),
    },
    setCustomStatus: (status: unknown) => void statuses.push(status),
    continueAsNew: (next: unknown) => void continued.push(next),
  };
  const run = fileBatch({ df } as never) as unknown as Generator<FakeTask, void, unknown>;
  let step = run.next();
  const next = (value?: unknown) => (step = run.next(value));
  /** What is waited for together: the groups at work, and the event. */
  const waited = (): [atWork: FakeTask, cancelled: FakeTask] => step.value?.input as [FakeTask, FakeTask];
  /** Lets the groups at work end with these answers. */
  const end = (...answers: unknown[]) => {
    const [all] = waited();
    expect(next(all)).toEqual({ done: false, value: all });
    return next(answers);
  };
  const atWork = () => (waited()[0].input as FakeTask[]).map(({ input }) => (input as { fileIds: string[] }).fileIds);
  return { first: step, next, end, atWork, waited, statuses, continued };
}

const plan = { value: { name: 'planFileBatch', input: { job } } };
const timer = (milliseconds: number) => ({ value: { name: 'timer', input: milliseconds } });
const fine = { faulty: [] };
const down = { message: 'It is down.', isToWait: false };
const leftAlone = { message: 'It is left alone.', isToWait: true };

describe('fileBatch', () => {
  it('plans until nothing is left, has four groups at work, and shows its progress after them', () => {
    const { first, next, end, atWork, statuses } = fakeOrchestration();
    expect(first).toMatchObject(plan);
    next({ groups: [['a'], ['b'], ['c'], ['d'], ['e', 'f']], counts: counts(6, 6) });
    expect(atWork()).toEqual([['a'], ['b'], ['c'], ['d']]);
    end(...[4, 2, 3, 5].map((open) => ({ ...fine, counts: counts(6, open) })));
    expect(atWork()).toEqual([['e', 'f']]);
    expect(end(fine)).toMatchObject(plan);
    expect(next({ groups: [], counts: counts(6, 0) })).toEqual({ done: true, value: undefined });
    expect(statuses.map((status) => (status as { done: number }).done)).toEqual([0, 4, 6]);
  });

  it('ends at once for a job that is gone', () => {
    const { next, statuses } = fakeOrchestration();
    expect(next({ groups: [] }).done).toBe(true);
    expect(statuses).toEqual([]);
  });

  it('begins no group any more when it is cancelled, and waits for those at work', () => {
    const { next, waited } = fakeOrchestration();
    next({ groups: [['a'], ['b'], ['c'], ['d'], ['e']] });
    const [all, cancelled] = waited();
    cancelled.isCompleted = true;
    expect(next(cancelled)).toEqual({ done: false, value: all });
    expect(next([fine, fine, fine, fine])).toMatchObject(plan);
    expect(next({ groups: [] }).done).toBe(true);
  });

  it('waits ever longer while no file gets its outcome for faults, and gives up in the end those that met them', () => {
    const { next, end } = fakeOrchestration();
    next({ groups: [['a'], ['b', 'c']] });
    expect(end(fine, { faulty: ['b', 'c'] })).toMatchObject(timer(1000));
    expect(next()).toMatchObject(plan);
    for (const wait of [2000, 4000, 8000, 16_000]) {
      next({ groups: [['b', 'c']] });
      expect(end({ faulty: ['b', 'c'] })).toMatchObject(timer(wait));
      expect(next()).toMatchObject(plan);
    }
    next({ groups: [['b', 'c']] });
    expect(end({ faulty: ['b', 'c'] })).toEqual({
      done: false,
      value: { name: 'failFiles', input: { job, fileIds: ['b', 'c'] } },
    });
    expect(next(fine)).toMatchObject(plan);
    expect(next({ groups: [] }).done).toBe(true);
  });

  it('is patient again as soon as any file gets its outcome', () => {
    const { next, end } = fakeOrchestration({ job, faultyRounds: 5, reason: leftAlone });
    next({ groups: [['a', 'b'], ['c']] });
    expect(end({ faulty: ['b'], reason: down }, { faulty: ['c'] })).toMatchObject(timer(1000));
  });

  it('gives up with what tells most of the model service, and files that met faults of ours without', () => {
    const { next, end } = fakeOrchestration({ job, faultyRounds: 3, reason: leftAlone });
    for (const [reason, wait] of [
      [down, 8000],
      [leftAlone, 16_000],
    ] as const) {
      next({ groups: [['a'], ['b']] });
      expect(end({ faulty: ['a'], reason }, { faulty: ['b'] })).toMatchObject(timer(wait));
      next();
    }
    next({ groups: [['a'], ['b']] });
    expect(end({ faulty: ['a'], reason: leftAlone }, { faulty: ['b'] })).toEqual({
      done: false,
      value: { name: 'failFiles', input: { job, fileIds: ['a'], reason: 'It is down.' } },
    });
    expect(next(fine)).toEqual({ done: false, value: { name: 'failFiles', input: { job, fileIds: ['b'] } } });
    expect(next(fine)).toMatchObject(plan);
  });

  it('forgets faults that passed', () => {
    const { next, end } = fakeOrchestration();
    for (let times = 0; times < 4; times += 1) {
      next({ groups: [['a']] });
      expect(end({ faulty: ['a'] })).toMatchObject(timer(1000));
      next();
      next({ groups: [['a']] });
      expect(end(fine)).toMatchObject(plan);
    }
  });

  it('fails, for the sweep to start it again, when records stay out of reach', () => {
    const { next } = fakeOrchestration();
    for (let times = 1; times <= 5; times += 1) {
      expect(next({ fault: true })).toMatchObject(timer(1000 * 2 ** (times - 1)));
      next();
    }
    expect(() => next({ fault: true })).toThrow('cannot be read');
  });

  it('fails when files cannot even be given up', () => {
    const { next, end } = fakeOrchestration({ job, faultyRounds: 5 });
    next({ groups: [['a']] });
    end({ faulty: ['a'] });
    expect(() => next({ faulty: ['a'] })).toThrow('cannot be written');
  });

  it('begins its history anew after twenty plans, and keeps count of faults', () => {
    const { next, end, continued } = fakeOrchestration();
    for (let round = 0; round < 19; round += 1) {
      next({ groups: [['a']] });
      end(fine);
    }
    next({ groups: [['a']] });
    end({ faulty: ['a'], reason: down });
    expect(next()).toEqual({ done: true, value: undefined });
    expect(continued).toEqual([{ job, faultyRounds: 1, reason: down }]);
  });
});
