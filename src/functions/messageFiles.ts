/** Files of messages, of the older form alone. */
import { services } from '../app';
import type { Operation } from '../http/operation';
import { operation, pathParams } from '../http/operation';
import { listObject } from '../http/paging';
import { listOf, pageQuery } from '../wire/common';
import { messageFileObject } from '../wire/threads';

const threads = async () => (await services()).threads;

export const messageFileOperations: Operation[] = [
  operation({
    method: 'get',
    path: '/threads/{thread_id}/messages/{message_id}/files',
    summary: 'List the files of a message (older form)',
    params: pathParams('thread_id', 'message_id'),
    query: pageQuery,
    response: listOf(messageFileObject),
    handle: async ({ scope, params, query }) =>
      listObject(await (await threads()).listMessageFiles(scope, params.thread_id, params.message_id, query)),
  }),
  operation({
    method: 'get',
    path: '/threads/{thread_id}/messages/{message_id}/files/{file_id}',
    summary: 'Get a file of a message (older form)',
    params: pathParams('thread_id', 'message_id', 'file_id'),
    response: messageFileObject,
    handle: async ({ scope, params }) =>
      (await threads()).getMessageFile(scope, params.thread_id, params.message_id, params.file_id),
  }),
];
