/** Threads and messages: operations 14 to 21. */
import { services } from '../app';
import type { Operation } from '../http/operation';
import { operation, pathParams } from '../http/operation';
import { listObject } from '../http/paging';
import { beginIngestion, withThreadVectorStores } from './newVectorStores';
import { deletedObject, listOf, pageQuery } from '../wire/common';
import { flowMessageRequest, flowThreadRequest } from '../wire/connector';
import {
  createMessageRequest,
  createThreadRequest,
  listMessagesQuery,
  messageObject,
  modifyMetadataRequest,
  modifyThreadRequest,
  threadObject,
} from '../wire/threads';

const threadParams = pathParams('thread_id');
const messageParams = pathParams('thread_id', 'message_id');
const threads = async () => (await services()).threads;

export const threadOperations: Operation[] = [
  operation({
    method: 'post',
    path: '/threads',
    summary: 'Create a thread',
    number: 14,
    body: createThreadRequest,
    projectBody: flowThreadRequest,
    response: threadObject,
    handle: async (call) =>
      withThreadVectorStores(call, call.body.tool_resources, async (tool_resources) =>
        (await threads()).create(call.scope, { ...call.body, tool_resources }, { begin: beginIngestion(call) }),
      ),
  }),
  operation({
    method: 'get',
    path: '/threads',
    summary: 'List threads',
    query: pageQuery,
    response: listOf(threadObject),
    handle: async ({ scope, query }) => listObject(await (await threads()).list(scope, query)),
  }),
  operation({
    method: 'get',
    path: '/threads/{thread_id}',
    summary: 'Get a thread',
    number: 15,
    params: threadParams,
    response: threadObject,
    handle: async ({ scope, params }) => (await threads()).get(scope, params.thread_id),
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}',
    summary: 'Modify a thread',
    number: 16,
    params: threadParams,
    body: modifyThreadRequest,
    response: threadObject,
    handle: async ({ scope, params, body }) => (await threads()).modify(scope, params.thread_id, body),
  }),
  operation({
    method: 'delete',
    path: '/threads/{thread_id}',
    summary: 'Delete a thread',
    number: 17,
    params: threadParams,
    response: deletedObject('thread.deleted'),
    handle: async ({ scope, params }) => (await threads()).remove(scope, params.thread_id),
  }),
  operation({
    method: 'get',
    path: '/threads/{thread_id}/messages',
    summary: 'List messages',
    number: 18,
    params: threadParams,
    query: listMessagesQuery,
    response: listOf(messageObject),
    handle: async ({ scope, params, query }) =>
      listObject(await (await threads()).listMessages(scope, params.thread_id, query, query.run_id)),
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/messages',
    summary: 'Create a message',
    number: 19,
    params: threadParams,
    body: createMessageRequest,
    projectBody: flowMessageRequest,
    response: messageObject,
    handle: async (call) =>
      (await threads()).createMessage(call.scope, call.params.thread_id, call.body, beginIngestion(call)),
  }),
  operation({
    method: 'get',
    path: '/threads/{thread_id}/messages/{message_id}',
    summary: 'Get a message',
    number: 20,
    params: messageParams,
    response: messageObject,
    handle: async ({ scope, params }) => (await threads()).getMessage(scope, params.thread_id, params.message_id),
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/messages/{message_id}',
    summary: 'Modify a message',
    number: 21,
    params: messageParams,
    body: modifyMetadataRequest,
    response: messageObject,
    handle: async ({ scope, params, body }) =>
      (await threads()).modifyMessage(scope, params.thread_id, params.message_id, body.metadata),
  }),
  operation({
    method: 'delete',
    path: '/threads/{thread_id}/messages/{message_id}',
    summary: 'Delete a message',
    params: messageParams,
    response: deletedObject('thread.message.deleted'),
    handle: async ({ scope, params }) => (await threads()).removeMessage(scope, params.thread_id, params.message_id),
  }),
];
