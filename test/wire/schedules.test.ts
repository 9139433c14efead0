/** Schedules over HTTP, with the official SDK's plain methods. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type OpenAI from 'openai';
import { assistantWithThread, OTTERS, textOf } from '../support/assistantFixtures';
import { contractSuite, sdks } from '../support/contractSuite';
import { startHost, type Host } from '../support/host';
import { expectNotFound } from '../support/notFound';
import { eventually, soon } from '../support/polling';
import { schedulesOf } from '../support/scheduleClient';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const EVERY_SECOND = '* * * * * *';
const NEVER_IN_A_TEST = '0 0 1 1 *';
const question = { role: 'user', content: 'Where do otters sleep?' } as const;

/** Where a test failed in its middle, the next must not find its schedules. */
afterEach(async () => {
  const schedules = schedulesOf(suite.host.openai());
  for (const { id } of (await schedules.list({ limit: 100 })).data) await schedules.delete(id);
});

/** Ids of the last run, as soon as it is another than `before`. */
const nextRun = async (client: OpenAI, id: string, before?: string) =>
  eventually('a tick', async () => {
    const { last_run } = await schedulesOf(client).retrieve(id);
    return last_run && last_run.id !== before ? last_run : undefined;
  });

describe.each(sdks)('with the class %s', (sdk) => {
  const client = () => suite.client(sdk);
  const schedules = () => schedulesOf(client());

  it('creates a schedule with every field at its default, gives it again, and deletes it', async () => {
    const { assistant } = await assistantWithThread(client());
    const run = { assistant_id: assistant.id, thread: { messages: [question] } };
    const schedule = await schedules().create({ cron: NEVER_IN_A_TEST, run });
    expect(schedule).toEqual({
      id: expect.stringMatching(/^sched_\w{24}$/),
      object: 'schedule',
      created_at: expect.any(Number),
      cron: NEVER_IN_A_TEST,
      time_zone: 'UTC',
      thread_id: null,
      run,
      next_run_at: Date.UTC(new Date().getUTCFullYear() + 1, 0, 1) / 1000,
      last_run: null,
      last_error: null,
      metadata: {},
    });
    expect(await schedules().retrieve(schedule.id)).toEqual(schedule);
    expect(await schedules().delete(schedule.id)).toEqual({
      id: schedule.id,
      object: 'schedule.deleted',
      deleted: true,
    });
    await expectNotFound(
      async () => schedules().retrieve(schedule.id),
      async () => schedules().delete(schedule.id),
      async () => schedules().run(schedule.id),
    );
  });

  it('reads the expression in the time zone', async () => {
    const { assistant } = await assistantWithThread(client());
    const { id, time_zone, next_run_at } = await schedules().create({
      cron: '30 6 * * *',
      time_zone: 'Asia/Kathmandu',
      run: { assistant_id: assistant.id },
      metadata: { purpose: 'morning' },
    });
    expect(time_zone).toBe('Asia/Kathmandu');
    // 5:45 ahead of UTC, all the year.
    expect(new Date(next_run_at * 1000).toISOString()).toMatch(/T00:45:00.000Z$/);
    await schedules().delete(id);
  });

  it('runs at each tick, in a thread of its own', async () => {
    const { assistant } = await assistantWithThread(client());
    const { id } = await schedules().create({
      cron: EVERY_SECOND,
      run: { assistant_id: assistant.id, thread: { messages: [question] }, metadata: { by: 'clock' } },
    });
    const first = await nextRun(client(), id);
    const second = await nextRun(client(), id, first.id);
    expect(second.thread_id).not.toBe(first.thread_id);
    for (const { id: runId, thread_id } of [first, second]) {
      const run = await client().beta.threads.runs.poll(runId, { thread_id }, soon);
      expect(run).toMatchObject({ status: 'completed', metadata: { by: 'clock' } });
      const { data } = await client().beta.threads.messages.list(thread_id, { run_id: runId });
      expect(textOf(data[0]).value).toContain('otters');
    }
    await schedules().delete(id);
  });

  it('runs now, beside the clock', async () => {
    const { assistant } = await assistantWithThread(client());
    const schedule = await schedules().create({
      cron: NEVER_IN_A_TEST,
      run: { assistant_id: assistant.id, thread: { messages: [question] }, instructions: 'Be brief.' },
    });
    const run = await schedules().run(schedule.id);
    expect(run).toMatchObject({ object: 'thread.run', status: 'queued', instructions: 'Be brief.' });
    const { thread_id } = run;
    expect((await client().beta.threads.runs.poll(run.id, { thread_id }, soon)).status).toBe('completed');
    expect(await schedules().retrieve(schedule.id)).toEqual({
      ...schedule,
      last_run: { id: run.id, thread_id, started_at: run.created_at },
    });
    await schedules().delete(schedule.id);
  });

  it('runs on a fixed thread, adds its messages, and skips the ticks at which that is busy', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.hang());
    const { id } = await schedules().create({
      cron: EVERY_SECOND,
      thread_id: thread.id,
      run: { assistant_id: assistant.id, additional_messages: [{ role: 'user', content: 'And where do seals?' }] },
    });
    const first = await nextRun(client(), id);
    expect(first.thread_id).toBe(thread.id);
    const { last_run, last_error } = await eventually('a tick that is skipped', async () => {
      const schedule = await schedules().retrieve(id);
      return schedule.last_error ? schedule : undefined;
    });
    expect(last_run?.id).toBe(first.id);
    expect(last_error?.message).toBe(`Thread ${thread.id} already has an active run ${first.id}.`);
    await client().beta.threads.runs.cancel(first.id, { thread_id: thread.id });
    const second = await nextRun(client(), id, first.id);
    expect((await client().beta.threads.runs.poll(second.id, { thread_id: thread.id }, soon)).status).toBe('completed');
    await schedules().delete(id);
    const { data } = await client().beta.threads.messages.list(thread.id, { order: 'asc' });
    expect(data.slice(0, 3).map((message) => textOf(message).value)).toEqual([
      'Where do otters sleep?',
      'And where do seals?',
      'And where do seals?',
    ]);
  });

  it('tells that a run could not be, and goes on', async () => {
    const { assistant } = await assistantWithThread(client());
    const { id } = await schedules().create({ cron: EVERY_SECOND, run: { assistant_id: assistant.id } });
    await client().beta.assistants.delete(assistant.id);
    const errorAfter = async (time: number) =>
      eventually('an error', async () => {
        const { last_error } = await schedules().retrieve(id);
        return last_error && last_error.occurred_at > time ? last_error : undefined;
      });
    const first = await errorAfter(0);
    expect(first.message).toBe(`No assistant found with id '${assistant.id}'.`);
    await errorAfter(first.occurred_at);
    await schedules().delete(id);
  });

  it('makes a vector store that the body describes once, and all runs search it', async () => {
    const file = await client().files.create({ file: new File([OTTERS], 'otters.txt'), purpose: 'assistants' });
    const { assistant } = await assistantWithThread(client(), { tools: [{ type: 'file_search' }] });
    const thread = {
      messages: [question],
      tool_resources: { file_search: { vector_stores: [{ file_ids: [file.id] }] } },
    };
    const before = (await client().vectorStores.list({ limit: 100 })).data.length;
    await expectNotFound(async () =>
      schedules().create({ cron: NEVER_IN_A_TEST, run: { assistant_id: 'asst_none', thread } }),
    );
    expect((await client().vectorStores.list({ limit: 100 })).data).toHaveLength(before);
    const { id, run } = await schedules().create({
      cron: NEVER_IN_A_TEST,
      run: { assistant_id: assistant.id, thread },
    });
    const [storeId = ''] = run.thread?.tool_resources?.file_search?.vector_store_ids ?? [];
    await eventually('ingestion', async () =>
      (await client().vectorStores.retrieve(storeId)).status === 'completed' ? true : undefined,
    );
    for (let times = 0; times < 2; times += 1) {
      const { id: runId, thread_id } = await schedules().run(id);
      await client().beta.threads.runs.poll(runId, { thread_id }, soon);
      const { data } = await client().beta.threads.messages.list(thread_id, { run_id: runId });
      expect(textOf(data[0]).annotations).toMatchObject([{ file_citation: { file_id: file.id } }]);
    }
    expect((await client().vectorStores.list({ limit: 100 })).data).toHaveLength(before + 1);
    await schedules().delete(id);
  });
});

it('lists schedules by pages', async () => {
  const client = suite.client();
  const schedules = schedulesOf(client);
  const { assistant } = await assistantWithThread(client);
  const ids: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    ids.push((await schedules.create({ cron: NEVER_IN_A_TEST, run: { assistant_id: assistant.id } })).id);
  }
  const [first, second, third] = ids;
  const page = await schedules.list({ limit: 2 });
  expect(page).toMatchObject({ object: 'list', first_id: third, last_id: second, has_more: true });
  expect(await schedules.list({ limit: 1, after: second })).toMatchObject({ data: [{ id: first }] });
  expect((await schedules.list({ order: 'asc' })).data.map(({ id }) => id)).toEqual(ids);
  await expect(schedules.list({ after: 'sched_none' })).rejects.toMatchObject({ status: 400, param: 'after' });
  for (const id of ids) await schedules.delete(id);
  expect(await schedules.list()).toEqual({ object: 'list', data: [], first_id: null, last_id: null, has_more: false });
});

describe('is refused', () => {
  const fine = { cron: NEVER_IN_A_TEST, run: { assistant_id: 'asst_none' } };

  it.each<[what: string, body: object, param: string]>([
    ['without a cron expression', { run: fine.run }, 'cron'],
    ['without a run', { cron: fine.cron }, 'run'],
    ['with a broken expression', { ...fine, cron: 'every day' }, 'cron'],
    ['with an expression that never comes', { ...fine, cron: '0 0 30 2 *' }, 'cron'],
    ['with a time zone that there is not', { ...fine, time_zone: 'Mars/Olympus' }, 'time_zone'],
    ['with a streamed run', { ...fine, run: { ...fine.run, stream: true } }, 'run.stream'],
    [
      'with a body for both kinds of thread',
      { ...fine, thread_id: 'thread_1', run: { ...fine.run, thread: {} } },
      'run.thread',
    ],
    [
      'with messages for a thread that it does not name',
      { ...fine, run: { ...fine.run, additional_messages: [] } },
      'run.additional_messages',
    ],
    ['with unknown fields', { ...fine, enabled: true }, 'enabled'],
    ['with unknown fields of the run', { ...fine, run: { ...fine.run, when: 'now' } }, 'run.when'],
  ])('a schedule %s', async (_what, body, param) => {
    await expect(schedulesOf(suite.client()).create(body)).rejects.toMatchObject({ status: 400, param });
  });

  it('a schedule for a streamed run also where unknown fields are tolerated', async () => {
    const body = { ...fine, run: { ...fine.run, stream: true }, unknown: 1 };
    const response = await suite.send('POST', '/api/projects/p1/schedules', { body });
    expect([response.status, await response.json()]).toMatchObject([400, { error: { param: 'run.stream' } }]);
  });

  it('a schedule of what is not there', async () => {
    const client = suite.client();
    const { assistant } = await assistantWithThread(client);
    const create = schedulesOf(client).create;
    const run = { assistant_id: assistant.id };
    const search = { file_search: { vector_store_ids: ['vs_none'] } };
    await expectNotFound(
      async () => create(fine),
      async () => create({ ...fine, run, thread_id: 'thread_none' }),
      async () => create({ ...fine, run: { ...run, thread: { tool_resources: search } } }),
      async () => create({ ...fine, run: { ...run, tool_resources: search } }),
    );
    expect((await schedulesOf(client).list()).data).toEqual([]);
  });

  it('a schedule with a body of more than 512 KB', async () => {
    const messages = Array.from({ length: 3 }, () => ({ role: 'user', content: 'x'.repeat(200_000) }));
    const body = { ...fine, run: { ...fine.run, thread: { messages } } };
    await expect(schedulesOf(suite.client()).create(body)).rejects.toMatchObject({ status: 413 });
  });
});

it('is found by its own tenant and project only', async () => {
  const { host } = suite;
  const inProject = (project: string) =>
    host.openai('alpha').withOptions({ baseURL: `${host.url}/api/projects/${project}` });
  const own = inProject('p1');
  const { assistant } = await assistantWithThread(own);
  const schedule = await schedulesOf(own).create({ cron: NEVER_IN_A_TEST, run: { assistant_id: assistant.id } });
  const others = [host.openai('alpha'), host.openai('beta'), inProject('p2')];
  for (const other of others) {
    expect((await schedulesOf(other).list()).data).toEqual([]);
    await expectNotFound(
      async () => schedulesOf(other).retrieve(schedule.id),
      async () => schedulesOf(other).run(schedule.id),
      async () => schedulesOf(other).delete(schedule.id),
      async () => schedulesOf(other).create({ cron: NEVER_IN_A_TEST, run: { assistant_id: assistant.id } }),
    );
  }
  expect(await schedulesOf(own).retrieve(schedule.id)).toEqual(schedule);
  const run = await schedulesOf(own).run(schedule.id);
  expect((await own.beta.threads.runs.poll(run.id, { thread_id: run.thread_id }, soon)).status).toBe('completed');
  await schedulesOf(own).delete(schedule.id);
});

describe('on a host that is killed', () => {
  let dataDir: string;
  let host: Host | undefined;
  const start = async (env: Record<string, string> = {}) =>
    (host = await startHost({ dataDir, env: { OPENAI_BASE_URL: suite.upstream.url, OPENAI_API_KEY: 'up', ...env } }));
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'schedules-'));
  });
  afterEach(async () => {
    await host?.kill();
    await rm(dataDir, { recursive: true, force: true });
  });

  /** Of the host's own interface to its orchestrations; the store is the host's alone while it runs. */
  function webhookKey(): string {
    const store = new DatabaseSync(join(dataDir, 'durable.sqlite'));
    const key = store.prepare("SELECT value FROM settings WHERE name = 'systemKey'").get()?.value;
    store.close();
    return String(key);
  }

  it('begins by the sweep, when the process died before the orchestration was started', async () => {
    const script = join(__dirname, '..', 'recovery', 'killBeforeStart.cjs');
    const dying = await start({ NODE_OPTIONS: `--require ${script}`, KILL_BEFORE: 'schedule' });
    const { assistant } = await assistantWithThread(dying.openai());
    const body = { cron: EVERY_SECOND, run: { assistant_id: assistant.id, thread: { messages: [question] } } };
    await expect(schedulesOf(dying.openai()).create(body)).rejects.toThrow();
    const client = (await start()).openai();
    const [schedule] = (await schedulesOf(client).list()).data;
    if (!schedule) throw new Error('The schedule was not stored before its start.');
    expect(schedule.last_run).toBeNull();
    const { id, thread_id } = await nextRun(client, schedule.id);
    expect((await client.beta.threads.runs.poll(id, { thread_id }, soon)).status).toBe('completed');
  }, 90_000);

  it('goes on where it was, and ends its orchestration when it is deleted', async () => {
    const killed = await start();
    const { assistant } = await assistantWithThread(killed.openai());
    const schedule = await schedulesOf(killed.openai()).create({
      cron: EVERY_SECOND,
      run: { assistant_id: assistant.id, thread: { messages: [question] } },
    });
    await nextRun(killed.openai(), schedule.id);
    await killed.kill();
    const key = webhookKey();
    const { url, openai } = await start();
    const schedules = schedulesOf(openai());
    const { last_run } = await schedules.retrieve(schedule.id);
    const { id, thread_id } = await nextRun(openai(), schedule.id, last_run?.id);
    expect((await openai().beta.threads.runs.poll(id, { thread_id }, soon)).status).toBe('completed');
    const status = async (): Promise<unknown> => {
      const answer = await fetch(`${url}/runtime/webhooks/durabletask/instances/${schedule.id}?code=${key}`);
      return Object(await answer.json()).runtimeStatus;
    };
    expect(await status()).toBe('Running');
    await schedules.delete(schedule.id);
    await eventually('the end of the orchestration', async () => ((await status()) === 'Completed' ? true : undefined));
  }, 90_000);
});
