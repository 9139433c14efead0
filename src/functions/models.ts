/** `GET /models` and `GET /models/{model}`: what callers may name. */
import { z } from 'zod';
import { services } from '../app';
import { errors } from '../errors';
import type { Family } from '../http/family';
import { defaultTimes } from '../http/passThrough';
import { operation, pathParams, type Call } from '../http/operation';
import { modelList, modelObject, type ModelObject } from '../wire/media';
import { answerText } from './readAnswers';
import { deletedObject } from '../wire/common';
import { decodeSlashes, forward } from './modelCall';

const MAX_LIST_BYTES = 4 * 1024 * 1024;
/** A list is made of what there is: the caller need not wait for a service that is slow to tell. */
const LIST_TIMES = { ...defaultTimes, wholeAnswerMs: 5_000 };
/** No model of ours has a time of creation: the same for all, so that answers do not differ. */
const CREATED = 1_735_689_600;

const named = (id: string): ModelObject => ({
  id,
  object: 'model',
  created: CREATED,
  owned_by: 'azure-openai-functions',
});

/** What services list is mostly, but not always, in OpenAI's form. */
const listed = z.object({ data: z.array(z.looseObject({ id: z.string() })) });

const listModels = operation({
  method: 'get',
  path: '/models',
  summary: 'List models',
  response: modelList,
  handle: async (call) => {
    const { gateway, local } = await services();
    const known = [...gateway.names(), ...local.names].map(named);
    const ids = new Set(known.map(({ id }) => id));
    const theirs = (await listUpstream(call)).filter(({ id }) => !ids.has(id) && gateway.serves(id));
    return { object: 'list', data: [...known, ...theirs] };
  },
});

/** The models that the service lists, where there is but one; none where it does not answer, which its log says. */
async function listUpstream(call: Call): Promise<ModelObject[]> {
  if ((await services()).backends.length !== 1) return [];
  try {
    const answer = await forward(call, { operation: 'models', method: 'GET', model: '*', times: LIST_TIMES });
    if (!answer.ok) throw new Error(`It answered ${answer.status}.`);
    const { data } = listed.parse(JSON.parse(await answerText(answer, MAX_LIST_BYTES)));
    return data.map((model) => ({ ...named(model.id), ...model, object: 'model' }));
  } catch (error) {
    if (!call.connection.signal.aborted) call.invocation.warn('The model service does not list its models:', error);
    return [];
  }
}

const getModel = operation({
  method: 'get',
  path: '/models/{model}',
  summary: 'Get a model',
  params: pathParams('model'),
  response: modelObject,
  handle: async (call) => {
    const id = decodeSlashes(call.params.model);
    const { gateway, local } = await services();
    if (gateway.names().includes(id) || local.names.includes(id)) return named(id);
    if (!gateway.serves(id)) throw errors.modelNotFound(id);
    // Of several services that take every name, the first that has the model.
    return forward(call, { operation: 'models/{model}', method: 'GET', model: id });
  },
});

/** Of the models that a service has, only those may go that came of the scope's own fine-tuning jobs. */
const deleteModel = operation({
  method: 'delete',
  path: '/models/{model}',
  summary: 'Delete a fine-tuned model',
  params: pathParams('model'),
  response: deletedObject('model'),
  handle: async (call) => {
    const id = decodeSlashes(call.params.model);
    const { backends, fineTuningJobs } = await services();
    if (backends.length === 0) {
      const advice = 'Set AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS to a service that has the model.';
      throw errors.unsupported('model', advice);
    }
    if (!(await fineTuningJobs.hasModel(call.scope, id))) throw errors.modelNotFound(id);
    const answer = await forward(call, { operation: 'models/{model}', method: 'DELETE', model: id });
    if (answer.ok || answer.status === 404) await fineTuningJobs.removeModel(call.scope, id);
    return answer;
  },
});

export const modelsFamily: Family = { name: 'models', operations: [listModels, getModel, deleteModel] };
