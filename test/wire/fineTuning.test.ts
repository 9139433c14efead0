/** Fine-tuning with the official SDKs in both styles: passed to a service that has it, each tenant's own. */
import type OpenAI from 'openai';
import { startHost } from '../support/host';
import { callersAndServices, startMediaHosts, type Hosts } from '../support/modelHosts';
import { expectNotFound } from '../support/notFound';
import { bodyOf, type MediaReply, type MediaRequest, type ScriptedMedia } from '../support/scriptedMedia';

let media: ScriptedMedia;
let hosts: Hosts;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ media, hosts, stop } = await startMediaHosts());
});
afterAll(async () => stop());

/** A service that trains at once; ids go on from test to test. */
let trained = 0;
function trainer({ method, operation, path, ...request }: MediaRequest): MediaReply | undefined {
  const json = (value: unknown, status = 200): MediaReply => ({ status, body: JSON.stringify(value) });
  const [, id, action] = /^fine_tuning\/jobs(?:\/([^/]+))?(?:\/(\w+))?$/.exec(operation) ?? [];
  const job = (job: string, more: object) => json({ id: job, object: 'fine_tuning.job', model: 'gpt-4o', ...more });
  if (operation === 'fine_tuning/jobs' && method === 'POST')
    return job(`ftjob-${(trained += 1)}`, {
      ...bodyOf({ method, operation, path, ...request }),
      status: 'running',
      fine_tuned_model: null,
    });
  if (action === 'events')
    return json({
      object: 'list',
      data: [{ id: 'event-1', object: 'fine_tuning.job.event', message: path }],
      has_more: false,
    });
  if (id && action === 'cancel' && method === 'POST') return job(id, { status: 'cancelled', fine_tuned_model: null });
  if (id) return job(id, { status: 'succeeded', fine_tuned_model: `ft:gpt-4o:${id}` });
  if (operation.startsWith('models/') && method === 'DELETE')
    return json({ id: decodeURIComponent(operation.slice('models/'.length)), object: 'model', deleted: true });
  return undefined;
}
beforeEach(() => {
  media.reset();
  media.on(trainer);
});

const asked: OpenAI.FineTuning.JobCreateParams = { model: 'gpt-4o', training_file: 'file-theirs', suffix: 'sea' };

it.each(callersAndServices)(
  'the %s SDK before a service of style %s creates, gets, lists and cancels jobs, reads their events and deletes the model that came of one',
  async (caller, service) => {
    const { fineTuning, models } = hosts[service][caller]();
    const made = await fineTuning.jobs.create(asked);
    expect(made).toMatchObject({
      object: 'fine_tuning.job',
      status: 'running',
      training_file: 'file-theirs',
      suffix: 'sea',
    });
    const isAzure = service === 'azure';
    expect(media.requests[0]?.path).toMatch(
      isAzure ? /^\/openai\/fine_tuning\/jobs\?api-version=/ : /^\/v1\/fine_tuning\/jobs$/,
    );
    const other = await fineTuning.jobs.create(asked);
    // Nobody has seen what came of it yet.
    await expectNotFound(async () => models.delete(`ft:gpt-4o:${made.id}`));
    expect(await fineTuning.jobs.retrieve(made.id)).toMatchObject({ id: made.id, status: 'succeeded' });
    expect((await fineTuning.jobs.cancel(other.id)).status).toBe('cancelled');
    const page = await fineTuning.jobs.list({ limit: 1 });
    expect([page.data.map(({ id }) => id), page.has_more]).toEqual([[other.id], true]);
    const next = await fineTuning.jobs.list({ limit: 1, after: other.id });
    expect(next.data.map(({ id }) => id)).toEqual([made.id]);
    const events = await fineTuning.jobs.listEvents(made.id, { limit: 7, after: 'event-0' });
    expect(events.data[0]?.message).toContain('limit=7&after=event-0');
    expect(await models.delete(`ft:gpt-4o:${made.id}`)).toMatchObject({ object: 'model', deleted: true });
    await expectNotFound(async () => models.delete(`ft:gpt-4o:${made.id}`));
  },
);

it("a job is its tenant's alone, as is the model", async () => {
  const job = await hosts.openai.openai().fineTuning.jobs.create(asked);
  await hosts.openai.openai().fineTuning.jobs.retrieve(job.id);
  const { fineTuning, models } = hosts.openai.openai('beta');
  media.reset();
  expect((await fineTuning.jobs.list()).data).toEqual([]);
  await expectNotFound(
    async () => fineTuning.jobs.retrieve(job.id),
    async () => fineTuning.jobs.cancel(job.id),
    async () => fineTuning.jobs.listEvents(job.id),
    async () => models.delete(`ft:gpt-4o:${job.id}`),
    async () => models.delete('gpt-4o'),
  );
  expect(media.requests).toEqual([]);
});

it('a file that is kept here is refused as training file, before any call, since the service has files of its own', async () => {
  const client = hosts.openai.openai();
  const file = await client.files.create({ file: new File(['{}'], 'rows.jsonl'), purpose: 'fine-tune' });
  const call = client.fineTuning.jobs.create({ ...asked, training_file: file.id });
  await expect(call).rejects.toMatchObject({ status: 400, param: 'training_file' });
  expect(media.requests).toEqual([]);
});

it.each([
  ['404 for the address', { status: 404, body: '{"detail":"Not Found"}' }],
  ['405', { status: 405, body: '{}' }],
])('before a service that answers %s, creating a job is a 400 that names the setting', async (_what, answer) => {
  media.on(() => answer);
  await expect(hosts.openai.openai().fineTuning.jobs.create(asked)).rejects.toMatchObject({
    status: 400,
    code: 'unsupported',
    message: expect.stringContaining('OPENAI_BASE_URL'),
  });
});

it("the service's own refusal is passed on, and nothing is repeated", async () => {
  const refusal = { error: { message: 'Busy.', type: 'server_error', param: null, code: 'busy' } };
  media.on(() => ({ status: 500, body: JSON.stringify(refusal) }));
  await expect(hosts.openai.openai().fineTuning.jobs.create(asked)).rejects.toMatchObject({
    status: 500,
    error: refusal.error,
  });
  expect(media.requests).toHaveLength(1);
  media.on(() => ({ status: 404, body: '{"error":{"message":"No such model.","code":"model_not_found"}}' }));
  await expect(hosts.openai.openai().fineTuning.jobs.create(asked)).rejects.toMatchObject({
    status: 404,
    code: 'model_not_found',
  });
});

it('without a service each is a 400 that names the setting', async () => {
  const host = await startHost();
  try {
    const { fineTuning, models } = host.openai();
    for (const call of [
      async () => fineTuning.jobs.create(asked),
      async () => fineTuning.jobs.list(),
      async () => fineTuning.jobs.retrieve('ftjob-1'),
      async () => fineTuning.jobs.cancel('ftjob-1'),
      async () => fineTuning.jobs.listEvents('ftjob-1'),
      async () => models.delete('ft:gpt-4o:1'),
    ])
      await expect(call()).rejects.toMatchObject({ status: 400, message: expect.stringContaining('OPENAI_BASE_URL') });
  } finally {
    await host.stop();
  }
});
