/** Conversations of an upstream that has them: passed on, each tenant's own. Their items go by the conversation that they are in. */
import { z } from 'zod';
import { services } from '../app';
import { errors } from '../errors';
import { operation, pathParams, type Call, type Operation } from '../http/operation';
import { upstreamAnswer, upstreamItemsRequest } from '../wire/upstreamResponses';
import { forward } from './modelCall';
import { bytesOf, withBytes } from './notedAnswer';
import { jsonOf } from './readAnswers';
import { MAX_BODY_BYTES } from './responses';
import { requireBackends } from './upstreamMode';
import { checkedBytes, forgetting, passToOwner, unlessLacking, type See } from './upstreamObject';

const params = pathParams('conversation_id');
const itemParams = pathParams('conversation_id', 'item_id');
const made = z.looseObject({ id: z.string() });

const create = operation({
  method: 'post',
  path: '/conversations',
  summary: 'Create a conversation',
  apiVersionOptional: true,
  body: upstreamItemsRequest,
  maxBodyBytes: MAX_BODY_BYTES,
  response: upstreamAnswer,
  handle: async (call) => {
    await requireBackends();
    const { scope, body } = call;
    const { upstreamResponses } = await services();
    const backend = await upstreamResponses.checkItems(scope, body.items ?? []);
    return forward(call, {
      operation: 'conversations',
      model: '',
      body: { kind: 'json', bytes: checkedBytes(call) },
      backend,
      repeats: false,
      see: async (answer) => {
        if (answer.status >= 300) return unlessLacking(answer, 'conversations', backend);
        const whole = await bytesOf(answer);
        const { id } = made.safeParse(jsonOf(whole)).data ?? {};
        if (id !== undefined) await upstreamResponses.noteConversation(scope, answer.backend, id);
        return withBytes(answer, whole);
      },
    });
  },
});

const get = operation({
  method: 'get',
  path: '/conversations/{conversation_id}',
  summary: 'Get a conversation',
  apiVersionOptional: true,
  params,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'GET'),
});

const update = operation({
  method: 'post',
  path: '/conversations/{conversation_id}',
  summary: 'Update a conversation',
  apiVersionOptional: true,
  params,
  body: upstreamAnswer,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'POST', { bytes: call.bytes }),
});

const remove = operation({
  method: 'delete',
  path: '/conversations/{conversation_id}',
  summary: 'Delete a conversation',
  apiVersionOptional: true,
  params,
  response: upstreamAnswer,
  handle: async (call) => {
    const { scope, params } = call;
    const { upstreamResponses } = await services();
    const forget = async () => upstreamResponses.forgetConversation(scope, params.conversation_id);
    return passOwn(call, 'DELETE', { see: forgetting(forget) });
  },
});

const createItems = operation({
  method: 'post',
  path: '/conversations/{conversation_id}/items',
  summary: 'Add items to a conversation',
  apiVersionOptional: true,
  params,
  body: upstreamItemsRequest,
  maxBodyBytes: MAX_BODY_BYTES,
  response: upstreamAnswer,
  handle: async (call) => {
    const { scope, params, body } = call;
    await (await services()).upstreamResponses.checkItems(scope, body.items ?? [], params.conversation_id);
    return passOwn(call, 'POST', { action: '/items', bytes: checkedBytes(call) });
  },
});

const listItems = operation({
  method: 'get',
  path: '/conversations/{conversation_id}/items',
  summary: 'List the items of a conversation',
  apiVersionOptional: true,
  params,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'GET', { action: '/items' }),
});

const getItem = operation({
  method: 'get',
  path: '/conversations/{conversation_id}/items/{item_id}',
  summary: 'Get an item of a conversation',
  apiVersionOptional: true,
  params: itemParams,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'GET', { action: itemPath(call.params.item_id) }),
});

const removeItem = operation({
  method: 'delete',
  path: '/conversations/{conversation_id}/items/{item_id}',
  summary: 'Delete an item of a conversation',
  apiVersionOptional: true,
  params: itemParams,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'DELETE', { action: itemPath(call.params.item_id) }),
});

/** Items are not known here: an id that would lead to another address, such as `..`, is none. */
function itemPath(id: string): string {
  if (!/^[\w-]{1,512}$/.test(id)) throw errors.noItem(id);
  return `/items/${id}`;
}

interface Passed {
  /** Behind the conversation's address. */
  action?: string;
  bytes?: Uint8Array;
  see?: See;
}

/** Sends a call about a conversation of the caller's own to the upstream that has it. */
async function passOwn(
  call: Call<{ conversation_id: string }>,
  method: 'GET' | 'POST' | 'DELETE',
  { action = '', ...more }: Passed = {},
): Promise<Response> {
  const { conversation_id: id } = call.params;
  const backend = await (await services()).upstreamResponses.backendOfConversation(call.scope, id);
  const operation = `conversations/${encodeURIComponent(id)}${action}`;
  return passToOwner(call, { backend, operation, method, ...more });
}

export const upstreamConversationOperations: Operation[] = [
  create,
  get,
  update,
  remove,
  createItems,
  listItems,
  getItem,
  removeItem,
];
