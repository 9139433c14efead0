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
    Task: { all: (tasks: FakeTask[]): FakeTask => ({ name: 'all', input: tasks }) },
    setCustomStatus: (status: unknown) => void statuses.push(status),
    continueAsNew: (next: unknown) => void continued.push(next),
  };
  return { run: fileBatch({ df } as never), statuses, continued };
}

const ingest = (...groups: string[][]) => ({
  value: { name: 'all', input: groups.map((fileIds) => ({ name: 'ingestFiles', input: { job, fileIds } })) },
});
const plan = { value: { name: 'planFileBatch', input: { job } } };
const timer = (milliseconds: number) => ({ value: { name: 'timer', input: milliseconds } });
const fine = { faulty: [] };

describe('fileBatch', () => {
  it('plans until nothing is left, four groups at a time, and shows its progress', () => {
    const { run, statuses } = fakeOrchestration();
    expect(run.next()).toMatchObject(plan);
    const groups = [['a'], ['b'], ['c'], ['d'], ['e', 'f']];
    expect(run.next({ groups, counts: counts(6, 6) })).toMatchObject(ingest(['a'], ['b'], ['c'], ['d']));
    expect(run.next([fine, fine, fine, fine])).toMatchObject(ingest(['e', 'f']));
    expect(run.next([fine])).toMatchObject(plan);
    expect(run.next({ groups: [], counts: counts(6, 0) })).toEqual({ done: true, value: undefined });
    expect(statuses).toEqual([
      { total: 6, done: 0 },
      { total: 6, done: 6 },
    ]);
  });

  it('ends at once for a job that is gone', () => {
    const { run, statuses } = fakeOrchestration();
    run.next();
    expect(run.next({ groups: [] }).done).toBe(true);
    expect(statuses).toEqual([]);
  });

  it('waits ever longer while files meet faults, and gives only those up in the end', () => {
    const { run } = fakeOrchestration();
    run.next();
    for (const wait of [1000, 2000, 4000, 8000, 16_000]) {
      run.next({ groups: [['a'], ['b', 'c']] });
      expect(run.next([fine, { faulty: ['b'] }])).toMatchObject(timer(wait));
      expect(run.next()).toMatchObject(plan);
    }
    run.next({ groups: [['b']] });
    expect(run.next([{ faulty: ['b'] }])).toMatchObject({
      value: { name: 'failFiles', input: { job, fileIds: ['b'] } },
    });
    expect(run.next(fine)).toMatchObject(plan);
    expect(run.next({ groups: [] }).done).toBe(true);
  });

  it('forgets faults that passed', () => {
    const { run } = fakeOrchestration();
    run.next();
    for (let times = 0; times < 4; times += 1) {
      run.next({ groups: [['a']] });
      expect(run.next([{ faulty: ['a'] }])).toMatchObject(timer(1000));
      run.next();
      run.next({ groups: [['a']] });
      expect(run.next([fine])).toMatchObject(plan);
    }
  });

  it('fails, for the sweep to start it again, when records stay out of reach', () => {
    const { run } = fakeOrchestration();
    run.next();
    for (let times = 1; times <= 5; times += 1) {
      expect(run.next({ fault: true })).toMatchObject(timer(1000 * 2 ** (times - 1)));
      run.next();
    }
    expect(() => run.next({ fault: true })).toThrow('cannot be read');
  });

  it('fails when files cannot even be given up', () => {
    const { run } = fakeOrchestration({ job, faultyRounds: 5 });
    run.next();
    run.next({ groups: [['a']] });
    run.next([{ faulty: ['a'] }]);
    expect(() => run.next({ faulty: ['a'] })).toThrow('cannot be written');
  });

  it('begins its history anew after twenty plans, and keeps count of faults', () => {
    const { run, continued } = fakeOrchestration();
    let step = run.next();
    for (let round = 0; round < 19; round += 1) {
      run.next({ groups: [['a']] });
      step = run.next([fine]);
    }
    run.next({ groups: [['a']] });
    run.next([{ faulty: ['a'] }]);
    step = run.next();
    expect(step).toEqual({ done: true, value: undefined });
    expect(continued).toEqual([{ job, faultyRounds: 1 }]);
  });
});
