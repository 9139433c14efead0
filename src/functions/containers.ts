/** `/containers`: where code of responses runs, with the files that callers and code put there (openai-2026-08). */
import { z } from 'zod';
import { services } from '../app';
import type { Family } from '../http/family';
import { readJsonBody } from '../http/jsonBody';
import { readUpload } from '../http/multipart';
import { operation, pathParams, type Call } from '../http/operation';
import { listObject } from '../http/paging';
import { validate } from '../http/validation';
import { deletedObject, listOf, pageQuery } from '../wire/common';
import {
  containerFileObject,
  containerObject,
  createContainerFileRequest,
  createContainerRequest,
  listContainersQuery,
  type ContainerFileObject,
} from '../wire/containers';
import { contentAnswer } from './files';

const containerParams = pathParams('container_id');
const fileParams = pathParams('container_id', 'file_id');
/** Of a body that names a file. */
const MAX_JSON_BYTES = 64 * 1024;
const noFields = z.strictObject({});

const create = operation({
  method: 'post',
  path: '/containers',
  summary: 'Create a container',
  body: createContainerRequest,
  response: containerObject,
  handle: async ({ scope, body }) => (await services()).containers.create(scope, body),
});

const list = operation({
  method: 'get',
  path: '/containers',
  summary: 'List containers',
  query: listContainersQuery,
  response: listOf(containerObject),
  handle: async ({ scope, query }) => listObject(await (await services()).containers.list(scope, query)),
});

const get = operation({
  method: 'get',
  path: '/containers/{container_id}',
  summary: 'Get a container',
  params: containerParams,
  response: containerObject,
  handle: async ({ scope, params }) => (await services()).containers.get(scope, params.container_id),
});

const remove = operation({
  method: 'delete',
  path: '/containers/{container_id}',
  summary: 'Delete a container with its files',
  params: containerParams,
  response: deletedObject('container.deleted'),
  handle: async ({ scope, params }) => (await services()).containers.remove(scope, params.container_id),
});

const createFile = operation({
  method: 'post',
  path: '/containers/{container_id}/files',
  summary: 'Put a file into a container',
  params: containerParams,
  body: 'raw',
  response: containerFileObject,
  handle: async (call) => {
    const isForm = /^multipart\//i.test(call.request.headers.get('content-type') ?? '');
    return isForm ? fromForm(call) : fromJson(call);
  },
});

type FileCall = Call<{ container_id: string }>;

async function fromJson({ scope, params, request, toleratesUnknownFields }: FileCall): Promise<ContainerFileObject> {
  const { containers } = await services();
  const { value } = await readJsonBody(request, MAX_JSON_BYTES);
  const { file_id: id } = validate(createContainerFileRequest, value, toleratesUnknownFields);
  return containers.addFile(scope, params.container_id, id);
}

/** A form with the file itself, or with the id of an uploaded one. */
async function fromForm({ scope, params, request, toleratesUnknownFields }: FileCall): Promise<ContainerFileObject> {
  const { containers } = await services();
  return containers.upload(scope, params.container_id, async (take) => {
    const { fields, file } = await readUpload(request, take);
    const rest = Object.fromEntries(fields);
    if (!file) return { fileId: validate(createContainerFileRequest, rest, toleratesUnknownFields).file_id };
    validate(noFields, rest, toleratesUnknownFields);
    return { file };
  });
}

const listFiles = operation({
  method: 'get',
  path: '/containers/{container_id}/files',
  summary: 'List the files of a container',
  params: containerParams,
  query: pageQuery,
  response: listOf(containerFileObject),
  handle: async ({ scope, params, query }) =>
    listObject(await (await services()).containers.listFiles(scope, params.container_id, query)),
});

const getFile = operation({
  method: 'get',
  path: '/containers/{container_id}/files/{file_id}',
  summary: 'Get a file of a container',
  params: fileParams,
  response: containerFileObject,
  handle: async ({ scope, params }) =>
    (await services()).containers.getFile(scope, params.container_id, params.file_id),
});

const removeFile = operation({
  method: 'delete',
  path: '/containers/{container_id}/files/{file_id}',
  summary: 'Delete a file of a container',
  params: fileParams,
  response: deletedObject('container.file.deleted'),
  handle: async ({ scope, params }) =>
    (await services()).containers.removeFile(scope, params.container_id, params.file_id),
});

const content = operation({
  method: 'get',
  path: '/containers/{container_id}/files/{file_id}/content',
  summary: 'Get the content of a file of a container',
  params: fileParams,
  response: 'raw',
  handle: async ({ scope, params, connection }) =>
    contentAnswer(connection, await (await services()).containers.openFile(scope, params.container_id, params.file_id)),
});

export const containersFamily: Family = {
  name: 'containers',
  operations: [create, list, get, remove, createFile, listFiles, getFile, removeFile, content],
};
