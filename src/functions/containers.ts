/** `/containers/{container_id}/files`: what code of responses wrote, as their citations name it. */
import { services } from '../app';
import type { Family } from '../http/family';
import { operation, pathParams } from '../http/operation';
import { listObject } from '../http/paging';
import type { Scope } from '../scope';
import { listOf, pageQuery } from '../wire/common';
import { containerFileObject, type ContainerFileObject } from '../wire/containers';
import { contentAnswer } from './files';

const containerParams = pathParams('container_id');
const fileParams = pathParams('container_id', 'file_id');

async function shown(
  scope: Scope,
  container_id: string,
  file: { id: string; path: string },
): Promise<ContainerFileObject> {
  const { created_at, bytes } = await (await services()).retrieval.files.get(scope, file.id);
  return {
    id: file.id,
    object: 'container.file',
    container_id,
    created_at,
    bytes,
    path: file.path,
    source: 'assistant',
  };
}

const list = operation({
  method: 'get',
  path: '/containers/{container_id}/files',
  summary: 'List the files that code wrote in a container',
  params: containerParams,
  query: pageQuery,
  response: listOf(containerFileObject),
  handle: async ({ scope, params, query }) => {
    const { responses, retrieval } = await services();
    const page = await responses.containerFiles(scope, params.container_id, query);
    // Who deleted a file has it no more.
    const there = await retrieval.files.findAll(
      scope,
      page.data.map(({ id }) => id),
    );
    const live = page.data.filter(({ id }) => there.has(id));
    const data = await Promise.all(live.map(async (file) => shown(scope, params.container_id, file)));
    return listObject({ ...page, data });
  },
});

const get = operation({
  method: 'get',
  path: '/containers/{container_id}/files/{file_id}',
  summary: 'Get a file that code wrote in a container',
  params: fileParams,
  response: containerFileObject,
  handle: async ({ scope, params: { container_id, file_id } }) => {
    const file = await (await services()).responses.containerFile(scope, container_id, file_id);
    return shown(scope, container_id, file);
  },
});

const content = operation({
  method: 'get',
  path: '/containers/{container_id}/files/{file_id}/content',
  summary: 'Get the content of a file that code wrote in a container',
  params: fileParams,
  response: 'raw',
  handle: async (call) => {
    const { container_id, file_id } = call.params;
    await (await services()).responses.containerFile(call.scope, container_id, file_id);
    return contentAnswer(call, file_id);
  },
});

export const containersFamily: Family = { name: 'containers', operations: [list, get, content] };
