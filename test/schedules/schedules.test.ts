import { MAX_SCHEDULES } from '../../src/schedules/schedules';
import { openSchedules, secondsOf } from '../support/schedules';

let open: Awaited<ReturnType<typeof openSchedules>>;
beforeEach(async () => {
  open = await openSchedules();
});
afterEach(async () => open.close());

const dueTimes = async (id: string) =>
  (await open.records.due(secondsOf('2030-01-01T00:00:00Z'), 1000)).filter((due) => due.id === id).map(({ at }) => at);

describe('creation', () => {
  it('throws what the run would throw', async () => {
    const assistant_id = open.assistant.id;
    await expect(open.create({ run: { assistant_id: 'asst_none' } })).rejects.toMatchObject({ status: 404 });
    await expect(open.create({ thread_id: 'thread_none' })).rejects.toMatchObject({ status: 404 });
    await expect(open.create({ run: { assistant_id, model: 'nobody' } })).rejects.toMatchObject({
      details: { code: 'DeploymentNotFound' },
    });
    const tool_resources = { code_interpreter: { file_ids: ['file-none'] } };
    await expect(open.create({ run: { assistant_id, tool_resources } })).rejects.toMatchObject({ status: 404 });
    await expect(open.create({ run: { assistant_id, thread: { tool_resources } } })).rejects.toMatchObject({
      status: 404,
    });
    const page = { order: 'asc', limit: 10 } as const;
    expect((await open.schedules.list(open.scope, page)).data).toEqual([]);
  });

  it('stops at the limit, however many create at once, and each deletion makes room for one', async () => {
    const made = [];
    while (made.length < MAX_SCHEDULES - 2) made.push(await open.create());
    const attempts = await Promise.allSettled(Array.from({ length: 5 }, async () => open.create()));
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    const refused = { status: 400, details: { code: 'limit_exceeded' } };
    for (const attempt of attempts) if (attempt.status === 'rejected') expect(attempt.reason).toMatchObject(refused);
    await open.schedules.remove(open.scope, made[0]?.id ?? '');
    await expect(open.schedules.remove(open.scope, made[0]?.id ?? '')).rejects.toMatchObject({ status: 404 });
    await open.create();
    await expect(open.create()).rejects.toMatchObject(refused);
    // A thousand one after the other: a minute in an emulated account on a busy machine.
  }, 240_000);
});

describe('run now', () => {
  it('starts a run beside those of the clock', async () => {
    const { id, next_run_at } = await open.create();
    const run = await open.schedules.runNow(open.scope, id);
    expect(await open.get(id)).toMatchObject({ next_run_at, last_run: { id: run.id, thread_id: run.thread_id } });
    open.at('2026-03-01T13:00:00Z');
    await open.tick(id);
    expect(open.started()).toHaveLength(2);
  });

  it('tells its caller why there can be none, and clears what a tick said before when there is one', async () => {
    const thread = await open.threads.create(open.scope, {});
    const { id } = await open.create({ thread_id: thread.id });
    const run = await open.schedules.runNow(open.scope, id);
    const busy = `Thread ${thread.id} already has an active run ${run.id}.`;
    await expect(open.schedules.runNow(open.scope, id)).rejects.toThrow(busy);
    expect((await open.get(id)).last_error).toBeNull();
    open.at('2026-03-01T13:00:00Z');
    await open.tick(id);
    expect((await open.get(id)).last_error).toMatchObject({ message: busy });
    await open.runs.cancel({ scope: open.scope, threadId: thread.id, runId: run.id });
    await open.advance({ scope: open.scope, threadId: thread.id, runId: run.id });
    await open.schedules.runNow(open.scope, id);
    expect((await open.get(id)).last_error).toBeNull();
  });
});

describe('the sweep', () => {
  const sweep = async () => {
    const started: string[] = [];
    for (const due of await open.records.due(open.clock.now / 1000, 100)) {
      if (due.kind !== 'schedule') continue;
      await open.schedules.due(due, ({ scheduleId }) => Promise.resolve(void started.push(scheduleId)));
    }
    return started;
  };

  it('starts the orchestration of a schedule whose creator died, and then leaves it alone until its time', async () => {
    const { id } = await open.create();
    open.at('2026-03-01T12:00:09Z');
    expect(await sweep()).toEqual([]);
    open.at('2026-03-01T12:00:10Z');
    expect(await sweep()).toEqual([id]);
    expect(await dueTimes(id)).toEqual([secondsOf('2026-03-01T13:00:30Z')]);
    expect(await sweep()).toEqual([]);
  });

  it('does not find a schedule whose orchestration is at work', async () => {
    const { id } = await open.create();
    for (const hour of ['13', '14', '15']) {
      open.at(`2026-03-01T${hour}:00:00Z`);
      await open.tick(id);
      expect(await sweep()).toEqual([]);
      expect(await dueTimes(id)).toHaveLength(1);
    }
  });

  it('starts the orchestration again when a tick was left unfinished, and when one never came', async () => {
    const { id } = await open.create();
    open.at('2026-03-01T13:00:00Z');
    open.faults.after = () => {
      throw new Error('the process dies');
    };
    await expect(open.tick(id)).rejects.toThrow('dies');
    open.faults.after = undefined;
    open.at('2026-03-01T13:00:30Z');
    expect(await sweep()).toEqual([id]);
    open.at('2026-03-01T13:01:00Z');
    expect(await sweep()).toEqual([id]);
    await open.tick(id);
    expect(await dueTimes(id)).toEqual([secondsOf('2026-03-01T14:00:30Z')]);
    open.at('2026-03-01T14:00:30Z');
    expect(await sweep()).toEqual([id]);
  });

  it('forgets a schedule that was deleted', async () => {
    const { id } = await open.create();
    const [due] = await open.records.due(secondsOf('2026-03-01T12:00:10Z'), 1);
    await open.schedules.remove(open.scope, id);
    expect(await dueTimes(id)).toEqual([]);
    // A deletion that died before its due record was gone.
    if (due) await open.records.writeDue({ add: [due] });
    open.at('2026-03-01T12:00:10Z');
    expect(await sweep()).toEqual([]);
    expect(await dueTimes(id)).toEqual([]);
  });
});
