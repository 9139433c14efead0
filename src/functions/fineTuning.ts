/** Fine-tuning jobs, which a model service does that has them. Each tenant meets its own alone. */
import { z } from 'zod';
import { services } from '../app';
import { errors } from '../errors';
import type { Family } from '../http/family';
import { operation, pathParams, type Call } from '../http/operation';
import { concurrencyLimit } from '../retrieval/concurrency';
import {
  fineTuningEvents,
  fineTuningJob,
  fineTuningJobRequest,
  fineTuningList,
  fineTuningQuery,
} from '../wire/fineTuning';
import type { FineTuningJob } from '../wire/fineTuning';
import { answerText } from './readAnswers';
import { forward, forwardJson } from './modelCall';

const JOBS = 'fine_tuning/jobs';
const MAX_JOB_BYTES = 1024 * 1024;
/** Of a list, which the service is asked for at the same time. */
const JOBS_AT_ONCE = 8;
const params = pathParams('fine_tuning_job_id');
type JobCall = Call<{ fine_tuning_job_id: string }>;

const createJob = operation({
  method: 'post',
  path: `/${JOBS}`,
  summary: 'Create a fine-tuning job',
  body: fineTuningJobRequest,
  response: fineTuningJob,
  handle: async (call) => {
    const { scope, body } = call;
    await requireService();
    await refuseOwnFiles(call);
    const answer = await forwardJson(call, JOBS, body.model, { model: body.model });
    if (await isUnknownUrl(answer)) throw await noService();
    if (!answer.ok) return answer;
    return noted(call, answer, async ({ id }) => (await services()).fineTuningJobs.add(scope, id));
  },
});

const listJobs = operation({
  method: 'get',
  path: `/${JOBS}`,
  summary: 'List fine-tuning jobs',
  query: fineTuningQuery,
  response: fineTuningList,
  handle: async (call) => {
    await requireService();
    const page = await (await services()).fineTuningJobs.list(call.scope, { ...call.query, order: 'desc' });
    const limited = concurrencyLimit(JOBS_AT_ONCE);
    const answers = await Promise.all(page.data.map(async ({ id }) => limited(() => forwardOfJob(call, id, 'GET'))));
    const data: FineTuningJob[] = [];
    for (const answer of answers) {
      // The service has forgotten it.
      if (answer.status === 404) continue;
      if (!answer.ok) return answer;
      data.push(await noted(call, answer));
    }
    return { object: 'list', data, has_more: page.hasMore };
  },
});

const getJob = operation({
  method: 'get',
  path: `/${JOBS}/{fine_tuning_job_id}`,
  summary: 'Get a fine-tuning job',
  params,
  response: fineTuningJob,
  handle: async (call) => ofOwnJob(call, 'GET'),
});

const cancelJob = operation({
  method: 'post',
  path: `/${JOBS}/{fine_tuning_job_id}/cancel`,
  summary: 'Cancel a fine-tuning job',
  params,
  response: fineTuningJob,
  handle: async (call) => ofOwnJob(call, 'POST', '/cancel'),
});

const listEvents = operation({
  method: 'get',
  path: `/${JOBS}/{fine_tuning_job_id}/events`,
  summary: 'List the events of a fine-tuning job',
  params,
  query: fineTuningQuery,
  response: fineTuningEvents,
  handle: async (call) => {
    const { limit, after } = call.query;
    const query = new URLSearchParams({ limit: String(limit), ...(after !== undefined && { after }) });
    await requireOwnJob(call);
    return forwardOfJob(call, call.params.fine_tuning_job_id, 'GET', '/events', query);
  },
});

async function ofOwnJob(call: JobCall, method: 'GET' | 'POST', action = ''): Promise<unknown> {
  await requireOwnJob(call);
  const answer = await forwardOfJob(call, call.params.fine_tuning_job_id, method, action);
  return answer.ok ? noted(call, answer) : answer;
}

/** Throws 404 for a job that nobody of the scope created. */
async function requireOwnJob({ scope, params: { fine_tuning_job_id: id } }: JobCall): Promise<void> {
  await requireService();
  if (!(await (await services()).fineTuningJobs.has(scope, id))) throw errors.noFineTuningJob(id);
}

/** A job has no model in its path: of several services, the first that has it answers. */
const forwardOfJob = async (
  call: Call,
  id: string,
  method: 'GET' | 'POST',
  action = '',
  query?: URLSearchParams,
): Promise<Response> =>
  forward(call, { operation: `${JOBS}/${encodeURIComponent(id)}${action}`, method, model: '*', query });

/** The job of the answer; the model that has come of it is its caller's from then on. */
async function noted(
  { scope }: Pick<Call, 'scope'>,
  answer: Response,
  note?: (job: FineTuningJob) => Promise<void>,
): Promise<FineTuningJob> {
  const job = jobIn(await answerText(answer, MAX_JOB_BYTES));
  await note?.(job);
  if (job.fine_tuned_model) await (await services()).fineTuningJobs.addModel(scope, job.fine_tuned_model);
  return job;
}

/** A 404 that says no more is that of a service without the family. */
async function isUnknownUrl(answer: Response): Promise<boolean> {
  if (answer.status !== 404) return answer.status === 405 || answer.status === 501;
  return !refusalWithCode.safeParse(JSON.parse(await answerText(answer.clone(), MAX_JOB_BYTES))).success;
}

const refusalWithCode = z.object({ error: z.object({ code: z.string() }) });

/** Throws 502 for what is no job. */
function jobIn(text: string): FineTuningJob {
  try {
    return fineTuningJob.parse(JSON.parse(text));
  } catch (error) {
    throw errors.answerNotJson(error);
  }
}

async function requireService(): Promise<void> {
  if ((await services()).backends.length === 0) throw await noService();
}

async function noService(): Promise<Error> {
  const given = (await services()).backends.map(({ settings }) => settings.address);
  const setting = given.length > 0 ? given.join(' or ') : 'AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS';
  return errors.unsupported(JOBS, `Set ${setting} to a service that has it.`);
}

/** The service trains from files of its own, not from those that are kept here. */
async function refuseOwnFiles(
  call: Call<unknown, unknown, { training_file: string; validation_file?: string | null }>,
) {
  const { training_file, validation_file } = call.body;
  const { files } = (await services()).retrieval;
  const own = await files.findAll(call.scope, [training_file, ...(validation_file ? [validation_file] : [])]);
  for (const [param, id] of Object.entries({ training_file, validation_file })) {
    if (!id || !own.has(id)) continue;
    throw errors.invalidParameter(
      `The file '${id}' is kept by this server. Upload it to the model service itself, and name the id that it has there.`,
      'invalid_value',
      param,
    );
  }
}

export const fineTuningFamily: Family = {
  name: 'fine_tuning',
  operations: [createJob, listJobs, getJob, cancelJob, listEvents],
};
