/** Containers of an upstream that has them: passed on, each tenant's own, with the files that lie there. */
import { z } from 'zod';
import { services, settings } from '../app';
import { errors } from '../errors';
import { readJsonBody } from '../http/jsonBody';
import { operation, pathParams, type Call, type Operation } from '../http/operation';
import { readForm } from '../http/passedForm';
import { validate } from '../http/validation';
import type { GatewayAnswer } from '../models/gateway';
import { upstreamAnswer, upstreamContainerFile, upstreamContainerRequest } from '../wire/upstreamResponses';
import { forward } from './modelCall';
import { bytesOf, withBytes } from './notedAnswer';
import { jsonOf } from './readAnswers';
import { requireBackends } from './upstreamMode';
import { checkedBytes, forgetting, passToOwner, unlessLacking, type See } from './upstreamObject';

const params = pathParams('container_id');
const fileParams = pathParams('container_id', 'file_id');
const made = z.looseObject({ id: z.string() });
/** Of a body that names a file. */
const MAX_JSON_BYTES = 64 * 1024;

type ContainerCall = Call<{ container_id: string }>;

const create = operation({
  method: 'post',
  path: '/containers',
  summary: 'Create a container',
  body: upstreamContainerRequest,
  response: upstreamAnswer,
  handle: async (call) => {
    await requireBackends();
    const { scope, body } = call;
    await (await services()).upstreamResponses.checkFiles(scope, body.file_ids ?? [], 'file_ids');
    return forward(call, {
      operation: 'containers',
      model: '',
      body: { kind: 'json', bytes: checkedBytes(call) },
      repeats: false,
      see: noteMade(call),
    });
  },
});

/** Notes whose the new container is. */
function noteMade({ scope }: Call): (answer: GatewayAnswer) => Promise<GatewayAnswer> {
  return async (answer) => {
    if (answer.status >= 300) return unlessLacking(answer, 'containers', undefined);
    const whole = await bytesOf(answer);
    const { id } = made.safeParse(jsonOf(whole)).data ?? {};
    if (id !== undefined) await (await services()).upstreamResponses.noteContainer(scope, answer.backend, id);
    return withBytes(answer, whole);
  };
}

const list = operation({
  method: 'get',
  path: '/containers',
  summary: 'List containers',
  response: upstreamAnswer,
  handle: () => {
    const reason =
      "RESPONSES_MODE is 'upstream', where the service lists those of its whole account: retrieve containers by their ids, or set RESPONSES_MODE to 'native'.";
    return Promise.reject(errors.unsupported('containers', reason));
  },
});

const get = operation({
  method: 'get',
  path: '/containers/{container_id}',
  summary: 'Get a container',
  params,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'GET', ''),
});

const remove = operation({
  method: 'delete',
  path: '/containers/{container_id}',
  summary: 'Delete a container with its files',
  params,
  response: 'raw',
  handle: async (call) => {
    const { scope, params } = call;
    const { upstreamResponses } = await services();
    return passOwn(
      call,
      'DELETE',
      '',
      forgetting(async () => upstreamResponses.forgetContainer(scope, params.container_id)),
    );
  },
});

const createFile = operation({
  method: 'post',
  path: '/containers/{container_id}/files',
  summary: 'Put a file into a container',
  params,
  body: 'raw',
  response: upstreamAnswer,
  handle: async (call) => {
    const isForm = /^multipart\//i.test(call.request.headers.get('content-type') ?? '');
    return isForm ? passForm(call) : passJson(call);
  },
});

async function passJson(call: ContainerCall): Promise<Response> {
  const { scope, params, request } = call;
  const { upstreamResponses } = await services();
  const backend = await upstreamResponses.backendOfContainer(scope, params.container_id);
  const { value, bytes } = await readJsonBody(request, MAX_JSON_BYTES);
  const { file_id: id } = validate(upstreamContainerFile, value);
  if (id != null) await upstreamResponses.checkFiles(scope, [id], 'file_id');
  const operation = pathOf(call, '/files');
  return passToOwner(call, { backend, operation, method: 'POST', bytes: checkedBytes({ bytes, body: value }) });
}

async function passForm(call: ContainerCall): Promise<Response> {
  const { scope, params, request } = call;
  const { upstreamResponses } = await services();
  const backend = await upstreamResponses.backendOfContainer(scope, params.container_id);
  const maxBytes = settings().maxFileBytes;
  const form = await readForm(request, { required: [['file', 'file_id']], model: 'elsewhere', maxBytes });
  try {
    const id = form.fields.get('file_id');
    if (id !== undefined) await upstreamResponses.checkFiles(scope, [id], 'file_id');
    const operation = pathOf(call, '/files');
    const { body, uploaded } = form;
    return await forward(call, { operation, model: '', body, uploaded, backend, repeats: false });
  } finally {
    await form.release();
  }
}

const listFiles = operation({
  method: 'get',
  path: '/containers/{container_id}/files',
  summary: 'List the files of a container',
  params,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'GET', '/files'),
});

const getFile = operation({
  method: 'get',
  path: '/containers/{container_id}/files/{file_id}',
  summary: 'Get a file of a container',
  params: fileParams,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'GET', filePath(call.params.file_id)),
});

const removeFile = operation({
  method: 'delete',
  path: '/containers/{container_id}/files/{file_id}',
  summary: 'Delete a file of a container',
  params: fileParams,
  response: 'raw',
  handle: async (call) => passOwn(call, 'DELETE', filePath(call.params.file_id)),
});

const content = operation({
  method: 'get',
  path: '/containers/{container_id}/files/{file_id}/content',
  summary: 'Get the content of a file of a container',
  params: fileParams,
  response: 'raw',
  handle: async (call) => passOwn(call, 'GET', `${filePath(call.params.file_id)}/content`, asBytes),
});

/** Whatever the file is, none of it is an answer to be looked into. */
async function asBytes(answer: GatewayAnswer): Promise<GatewayAnswer> {
  if (answer.status >= 300) return answer;
  const headers = new Headers(answer.headers);
  headers.set('content-type', 'application/octet-stream');
  return { ...answer, headers };
}

/** Files are not known here: an id that would lead to another address, such as `..`, is none. */
function filePath(id: string): string {
  if (!/^[\w-]{1,512}$/.test(id)) throw errors.noContainerFile(id);
  return `/files/${id}`;
}

const pathOf = ({ params }: ContainerCall, action: string): string =>
  `containers/${encodeURIComponent(params.container_id)}${action}`;

/** Sends a call about a container of the caller's own to the upstream that has it. */
async function passOwn(call: ContainerCall, method: 'GET' | 'DELETE', action: string, see?: See): Promise<Response> {
  const backend = await (await services()).upstreamResponses.backendOfContainer(call.scope, call.params.container_id);
  return passToOwner(call, { backend, operation: pathOf(call, action), method, see });
}

export const upstreamContainerOperations: Operation[] = [
  create,
  list,
  get,
  remove,
  createFile,
  listFiles,
  getFile,
  removeFile,
  content,
];
