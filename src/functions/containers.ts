/** `/containers/{container_id}/files`: what code of responses wrote, as their citations name it. */
import { services } from '../app';
import type { Family } from '../http/family';
import { operation, pathParams } from '../http/operation';
import { listObject } from '../http/paging';
import { listOf, pageQuery } from '../wire/common';
import { containerFileObject, type ContainerFileObject } from '../wire/containers';
import type { FileObject } from '../wire/vectorStores';
import { contentAnswer } from './files';

const containerParams = pathParams('container_id');
const fileParams = pathParams('container_id', 'file_id');

const shown = (container_id: string, path: string, { id, created_at, bytes }: FileObject): ContainerFileObject => ({
  id,
  object: 'container.file',
  container_id,
  created_at,
  bytes,
  path,
  source: 'assistant',
});

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
    const data = page.data.flatMap(({ id, path }) => {
      const file = there.get(id);
      return file ? [shown(params.container_id, path, file)] : [];
    });
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
    const { responses, retrieval } = await services();
    const { id, path } = await responses.containerFile(scope, container_id, file_id);
    return shown(container_id, path, await retrieval.files.get(scope, id));
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
