/** Conversations, and the items in them, as current SDKs call them. */
import { services } from '../app';
import type { Family } from '../http/family';
import { operation, pathParams, type Call } from '../http/operation';
import { listObject } from '../http/paging';
import { shownItem } from '../responses/shownResponse';
import { deletedObject, listOf } from '../wire/common';
import {
  conversationObject,
  createConversationRequest,
  createItemsRequest,
  listItemsQuery,
  updateConversationRequest,
} from '../wire/conversations';
import { responseItem, type ResponseItem } from '../wire/responseItems';
import { includeQuery } from '../wire/responses';
import { includeOf, MAX_BODY_BYTES, viewOf } from './responses';

const conversationParams = pathParams('conversation_id');
const itemParams = pathParams('conversation_id', 'item_id');
const conversations = async () => (await services()).conversations;

function shownItems(call: Call, items: ResponseItem[]): ResponseItem[] {
  const view = viewOf(call, includeOf(call.request));
  return items.map((item) => shownItem(item, view));
}

export const conversationsFamily: Family = {
  name: 'conversations',
  operations: [
    operation({
      method: 'post',
      path: '/conversations',
      summary: 'Create a conversation',
      apiVersionOptional: true,
      body: createConversationRequest,
      maxBodyBytes: MAX_BODY_BYTES,
      response: conversationObject,
      handle: async ({ scope, body }) => (await conversations()).create(scope, body),
    }),
    operation({
      method: 'get',
      path: '/conversations/{conversation_id}',
      summary: 'Get a conversation',
      apiVersionOptional: true,
      params: conversationParams,
      response: conversationObject,
      handle: async ({ scope, params }) => (await conversations()).get(scope, params.conversation_id),
    }),
    operation({
      method: 'post',
      path: '/conversations/{conversation_id}',
      summary: 'Modify a conversation',
      apiVersionOptional: true,
      params: conversationParams,
      body: updateConversationRequest,
      response: conversationObject,
      handle: async ({ scope, params, body }) =>
        (await conversations()).update(scope, params.conversation_id, body.metadata),
    }),
    operation({
      method: 'delete',
      path: '/conversations/{conversation_id}',
      summary: 'Delete a conversation',
      apiVersionOptional: true,
      params: conversationParams,
      response: deletedObject('conversation.deleted'),
      handle: async ({ scope, params }) => (await conversations()).remove(scope, params.conversation_id),
    }),
    operation({
      method: 'get',
      path: '/conversations/{conversation_id}/items',
      summary: "List a conversation's items",
      apiVersionOptional: true,
      params: conversationParams,
      query: listItemsQuery,
      response: listOf(responseItem),
      handle: async (call) => {
        const page = await (await conversations()).listItems(call.scope, call.params.conversation_id, call.query);
        return listObject({ ...page, data: shownItems(call, page.data) });
      },
    }),
    operation({
      method: 'post',
      path: '/conversations/{conversation_id}/items',
      summary: 'Add items to a conversation',
      apiVersionOptional: true,
      params: conversationParams,
      query: includeQuery,
      body: createItemsRequest,
      maxBodyBytes: MAX_BODY_BYTES,
      response: listOf(responseItem),
      handle: async (call) => {
        const items = await (await conversations()).addItems(call.scope, call.params.conversation_id, call.body.items);
        return listObject({ data: shownItems(call, items), hasMore: false });
      },
    }),
    operation({
      method: 'get',
      path: '/conversations/{conversation_id}/items/{item_id}',
      summary: "Get a conversation's item",
      apiVersionOptional: true,
      params: itemParams,
      query: includeQuery,
      response: responseItem,
      handle: async (call) => {
        const { conversation_id, item_id } = call.params;
        const item = await (await conversations()).getItem(call.scope, conversation_id, item_id);
        return shownItems(call, [item])[0];
      },
    }),
    operation({
      method: 'delete',
      path: '/conversations/{conversation_id}/items/{item_id}',
      summary: "Delete a conversation's item",
      apiVersionOptional: true,
      params: itemParams,
      response: conversationObject,
      handle: async ({ scope, params }) =>
        (await conversations()).removeItem(scope, params.conversation_id, params.item_id),
    }),
  ],
};
