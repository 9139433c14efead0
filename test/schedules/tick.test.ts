import { errors } from '../../src/errors';
import { ConflictError } from '../../src/storage/ports';
import { openSchedules, secondsOf } from '../support/schedules';

let open: Awaited<ReturnType<typeof openSchedules>>;
beforeEach(async () => {
  open = await openSchedules();
});
afterEach(async () => open.close());

const question = { role: 'user' as const, content: 'What is new?' };

it('starts no run before its time, and one at it', async () => {
  const { id, next_run_at } = await open.create();
  expect(next_run_at).toBe(secondsOf('2026-03-01T13:00:00Z'));
  open.at('2026-03-01T12:59:59Z');
  expect(await open.tick(id)).toEqual({ nextRunAt: next_run_at });
  expect(open.started()).toEqual([]);
  open.at('2026-03-01T13:00:00Z');
  const ticked = await open.tick(id);
  expect(open.started()).toEqual([ticked?.started?.runId]);
  expect(await open.get(id)).toMatchObject({
    next_run_at: secondsOf('2026-03-01T14:00:00Z'),
    last_run: {
      id: ticked?.started?.runId,
      thread_id: ticked?.started?.threadId,
      started_at: secondsOf('2026-03-01T13:00:00Z'),
    },
    last_error: null,
  });
});

it('makes up for all the times it missed by one run', async () => {
  const { id } = await open.create();
  open.at('2026-03-02T09:30:00Z');
  expect(await open.tick(id)).toMatchObject({ nextRunAt: secondsOf('2026-03-02T10:00:00Z') });
  expect(await open.tick(id)).toEqual({ nextRunAt: secondsOf('2026-03-02T10:00:00Z') });
  expect(open.started()).toHaveLength(1);
});

it('gives each run a thread of its own, with its messages', async () => {
  const { id } = await open.create({
    run: { assistant_id: open.assistant.id, thread: { messages: [question] }, metadata: { by: 'clock' } },
  });
  const threads: string[] = [];
  for (const time of ['2026-03-01T13:00:00Z', '2026-03-01T14:00:00Z']) {
    open.at(time);
    const { started } = (await open.tick(id)) ?? {};
    const { threadId = '', runId = '' } = started ?? {};
    const run = await open.runs.get({ scope: open.scope, threadId, runId });
    expect(run).toMatchObject({ status: 'queued', metadata: { by: 'clock' }, created_at: secondsOf(time) });
    const { data } = await open.threads.listMessages(open.scope, threadId, { order: 'asc', limit: 10 });
    expect(data).toMatchObject([{ content: [{ text: { value: question.content } }] }]);
    threads.push(threadId);
  }
  expect(new Set(threads).size).toBe(2);
});

describe('a tick that is done again', () => {
  it('gives the run that it made, when it died before it could note it', async () => {
    const { id } = await open.create({ run: { assistant_id: open.assistant.id, thread: { messages: [question] } } });
    open.at('2026-03-01T13:00:00Z');
    open.faults.after = () => {
      throw new Error('the process dies');
    };
    await expect(open.tick(id)).rejects.toThrow('dies');
    open.faults.after = undefined;
    open.at('2026-03-01T13:00:20Z');
    const ticked = await open.tick(id);
    expect(open.started()).toEqual([ticked?.started?.runId]);
    expect(await open.get(id)).toMatchObject({
      next_run_at: secondsOf('2026-03-01T14:00:00Z'),
      last_run: { id: ticked?.started?.runId, started_at: secondsOf('2026-03-01T13:00:00Z') },
    });
    const place = { scope: open.scope, threadId: ticked?.started?.threadId ?? '' };
    const page = { order: 'asc', limit: 10 } as const;
    expect((await open.runs.list(place.scope, place.threadId, page)).data).toHaveLength(1);
    expect((await open.threads.listMessages(place.scope, place.threadId, page)).data).toHaveLength(1);
  });

  it('gives it even if the assistant was deleted and the run has ended meanwhile', async () => {
    const thread = await open.threads.create(open.scope, { messages: [question] });
    const { id } = await open.create({ thread_id: thread.id });
    open.at('2026-03-01T13:00:00Z');
    open.faults.after = () => {
      throw new Error('the process dies');
    };
    await expect(open.tick(id)).rejects.toThrow('dies');
    open.faults.after = undefined;
    const [runId = ''] = open.started();
    await open.assistants.remove(open.scope, open.assistant.id);
    await open.runs.cancel({ scope: open.scope, threadId: thread.id, runId });
    await open.advance({ scope: open.scope, threadId: thread.id, runId });
    expect(await open.tick(id)).toMatchObject({ started: { runId } });
    expect(open.started()).toEqual([runId]);
    expect(await open.get(id)).toMatchObject({ last_run: { id: runId }, last_error: null });
  });

  it('runs in the thread that it made, when it died before the run was made', async () => {
    const run = { assistant_id: open.assistant.id, thread: { messages: [question] } };
    const { id } = await open.create({ run });
    open.at('2026-03-01T13:00:00Z');
    const made: string[] = [];
    open.faults.before = async ({ threadId }) => {
      made.push((await open.threads.create(open.scope, run.thread, { ownId: threadId })).id);
      throw new Error('the process dies');
    };
    await expect(open.tick(id)).rejects.toThrow('dies');
    open.faults.before = undefined;
    const { threadId = '' } = (await open.tick(id))?.started ?? {};
    expect(made).toEqual([threadId]);
    const { data } = await open.threads.listMessages(open.scope, threadId, { order: 'asc', limit: 10 });
    expect(data).toHaveLength(1);
  });

  it('starts one run when it died before anything was made', async () => {
    const { id } = await open.create();
    open.at('2026-03-01T13:00:00Z');
    open.faults.before = () => {
      throw new Error('the process dies');
    };
    await expect(open.tick(id)).rejects.toThrow('dies');
    open.faults.before = undefined;
    // The next time has come too: it is another tick.
    open.at('2026-03-01T14:00:00Z');
    await open.tick(id);
    expect(open.started()).toHaveLength(1);
    await open.tick(id);
    expect(open.started()).toHaveLength(2);
  });

  it.each(['a new thread', 'a fixed thread'])('starts one run on %s when eight do it at once', async (where) => {
    const thread = await open.threads.create(open.scope, { messages: [question] });
    const { id } = await open.create(where === 'a fixed thread' ? { thread_id: thread.id } : {});
    open.at('2026-03-01T13:00:00Z');
    await Promise.all(Array.from({ length: 8 }, async () => open.tick(id)));
    expect(open.started()).toHaveLength(1);
    expect(await open.get(id)).toMatchObject({ last_run: { id: open.started()[0] }, last_error: null });
  });
});

describe('a run that cannot be', () => {
  it('is told, and the schedule goes on: the assistant was deleted', async () => {
    const { id } = await open.create();
    const { id: otherId } = await open.create();
    await open.assistants.remove(open.scope, open.assistant.id);
    open.at('2026-03-01T13:00:00Z');
    expect(await open.tick(id)).toEqual({ nextRunAt: secondsOf('2026-03-01T14:00:00Z') });
    expect(await open.get(id)).toMatchObject({
      last_run: null,
      last_error: {
        code: null,
        message: `No assistant found with id '${open.assistant.id}'.`,
        occurred_at: secondsOf('2026-03-01T13:00:00Z'),
      },
    });
    expect((await open.get(otherId)).last_error).toBeNull();
    open.at('2026-03-01T14:00:00Z');
    expect(await open.tick(id)).toEqual({ nextRunAt: secondsOf('2026-03-01T15:00:00Z') });
    expect((await open.get(id)).last_error?.occurred_at).toBe(secondsOf('2026-03-01T14:00:00Z'));
  });

  it('is skipped on a thread whose run is still active, and the next starts when that is over', async () => {
    const thread = await open.threads.create(open.scope, { messages: [question] });
    const { id } = await open.create({
      thread_id: thread.id,
      run: { assistant_id: open.assistant.id, additional_messages: [question] },
    });
    open.at('2026-03-01T13:00:00Z');
    const first = (await open.tick(id))?.started?.runId ?? '';
    open.at('2026-03-01T14:00:00Z');
    expect(await open.tick(id)).toEqual({ nextRunAt: secondsOf('2026-03-01T15:00:00Z') });
    expect(await open.get(id)).toMatchObject({
      last_run: { id: first },
      last_error: { message: `Thread ${thread.id} already has an active run ${first}.` },
    });
    await open.runs.cancel({ scope: open.scope, threadId: thread.id, runId: first });
    await open.advance({ scope: open.scope, threadId: thread.id, runId: first });
    open.at('2026-03-01T15:00:00Z');
    const second = (await open.tick(id))?.started?.runId;
    expect(open.started()).toEqual([first, second]);
    expect(await open.get(id)).toMatchObject({ last_run: { id: second }, last_error: null });
    // Its own, and one of each run.
    const { data } = await open.threads.listMessages(open.scope, thread.id, { order: 'asc', limit: 10 });
    expect(data).toHaveLength(3);
  });
});

describe('a fault', () => {
  const fault = () => {
    throw new Error('disk full');
  };

  it('holds the tick up until it passes', async () => {
    const { id } = await open.create();
    open.at('2026-03-01T13:00:00Z');
    open.faults.before = fault;
    await expect(open.tick(id)).rejects.toThrow('disk full');
    open.faults.before = () => {
      throw errors.tooManyConflicts();
    };
    await expect(open.tick(id)).rejects.toThrow('too many writers');
    expect((await open.get(id)).last_error).toBeNull();
    open.faults.before = undefined;
    expect((await open.tick(id))?.started).toBeDefined();
  });

  it('is given up after ten minutes, so that the next tick comes', async () => {
    const { id } = await open.create();
    open.at('2026-03-01T13:00:00Z');
    open.faults.before = fault;
    await expect(open.tick(id)).rejects.toThrow('disk full');
    open.at('2026-03-01T13:09:59Z');
    await expect(open.tick(id)).rejects.toThrow('disk full');
    open.at('2026-03-01T13:10:00Z');
    expect(await open.tick(id)).toEqual({ nextRunAt: secondsOf('2026-03-01T14:00:00Z') });
    expect((await open.get(id)).last_error).toMatchObject({ code: 'server_error' });
    expect(open.logged).toMatchObject([{ message: 'disk full' }]);
    open.faults.before = undefined;
    open.at('2026-03-01T14:00:00Z');
    expect((await open.tick(id))?.started).toBeDefined();
  });

  it('that is a conflict is met by looking anew', async () => {
    const { id } = await open.create();
    open.at('2026-03-01T13:00:00Z');
    let conflicts = 2;
    open.faults.before = () => {
      if (conflicts-- > 0) throw new ConflictError({ partition: 'p', list: 'thread', id: 't' });
    };
    expect((await open.tick(id))?.started).toBeDefined();
    expect(open.started()).toHaveLength(1);
  });
});

it('says that the schedule is gone, and starts nothing', async () => {
  const { id } = await open.create();
  await open.schedules.remove(open.scope, id);
  open.at('2026-03-01T13:00:00Z');
  expect(await open.tick(id)).toBeUndefined();
  expect(open.started()).toEqual([]);
});

it('starts no run after the deletion of its schedule was answered, though it was under way', async () => {
  const { id } = await open.create();
  open.at('2026-03-01T13:00:00Z');
  let isReached = (): void => undefined;
  let goOn = (): void => undefined;
  const reached = new Promise<void>((resolve) => (isReached = resolve));
  const released = new Promise<void>((resolve) => (goOn = resolve));
  open.faults.before = async () => {
    open.faults.before = undefined;
    isReached();
    await released;
  };
  const ticking = open.tick(id);
  await reached;
  await open.schedules.remove(open.scope, id);
  const before = open.started();
  goOn();
  expect(await ticking).toBeUndefined();
  expect(open.started()).toEqual(before);
  expect(before).toHaveLength(1);
});
