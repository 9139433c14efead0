/** Files of assistants, of the older form alone. */
import { services } from '../app';
import type { Operation } from '../http/operation';
import { operation, pathParams } from '../http/operation';
import { listObject } from '../http/paging';
import { assistantFileObject, createAssistantFileRequest } from '../wire/assistants';
import { deletedObject, listOf, pageQuery } from '../wire/common';
import { beginIngestion } from './newVectorStores';

const params = pathParams('assistant_id');
const fileParams = pathParams('assistant_id', 'file_id');
const assistants = async () => (await services()).assistants;

export const assistantFileOperations: Operation[] = [
  operation({
    method: 'get',
    path: '/assistants/{assistant_id}/files',
    summary: 'List the files of an assistant (older form)',
    params,
    query: pageQuery,
    response: listOf(assistantFileObject),
    handle: async ({ scope, params, query }) =>
      listObject(await (await assistants()).listFiles(scope, params.assistant_id, query)),
  }),
  operation({
    method: 'post',
    path: '/assistants/{assistant_id}/files',
    summary: 'Attach a file to an assistant (older form)',
    params,
    body: createAssistantFileRequest,
    response: assistantFileObject,
    handle: async (call) =>
      (await assistants()).attachFile(call.scope, call.params.assistant_id, call.body.file_id, beginIngestion(call)),
  }),
  operation({
    method: 'get',
    path: '/assistants/{assistant_id}/files/{file_id}',
    summary: 'Get a file of an assistant (older form)',
    params: fileParams,
    response: assistantFileObject,
    handle: async ({ scope, params }) => (await assistants()).getFile(scope, params.assistant_id, params.file_id),
  }),
  operation({
    method: 'delete',
    path: '/assistants/{assistant_id}/files/{file_id}',
    summary: 'Take a file from an assistant (older form)',
    params: fileParams,
    response: deletedObject('assistant.file.deleted'),
    handle: async ({ scope, params }) => (await assistants()).detachFile(scope, params.assistant_id, params.file_id),
  }),
];
