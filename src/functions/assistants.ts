/** Assistants: operations 9 to 13. */
import { services } from '../app';
import { shownSampling } from '../assistants/shownSampling';
import type { Operation } from '../http/operation';
import { operation, pathParams } from '../http/operation';
import { listObject } from '../http/paging';
import { assistantObject, createAssistantRequest, modifyAssistantRequest } from '../wire/assistants';
import { beginIngestion, withVectorStores } from './newVectorStores';
import { shownAssistant } from './projectAnswers';
import { deletedObject, listOf, pageQuery } from '../wire/common';

const params = pathParams('assistant_id');
const assistants = async () => (await services()).assistants;

export const assistantOperations: Operation[] = [
  operation({
    method: 'get',
    path: '/assistants',
    summary: 'List assistants',
    number: 9,
    query: pageQuery,
    response: listOf(assistantObject),
    handle: async (call) => {
      const { data, hasMore } = await (await assistants()).list(call.scope, call.query);
      return listObject({ data: data.map((assistant) => shownAssistant(call, assistant)), hasMore });
    },
  }),
  operation({
    method: 'post',
    path: '/assistants',
    summary: 'Create an assistant',
    number: 10,
    body: createAssistantRequest,
    response: assistantObject,
    handle: async (call) =>
      withVectorStores(call, call.body.tool_resources, async (tool_resources) =>
        shownSampling(
          await (await assistants()).create(call.scope, { ...call.body, tool_resources }, beginIngestion(call)),
        ),
      ),
  }),
  operation({
    method: 'get',
    path: '/assistants/{assistant_id}',
    summary: 'Get an assistant',
    number: 11,
    params,
    response: assistantObject,
    handle: async ({ scope, params }) => shownSampling(await (await assistants()).get(scope, params.assistant_id)),
  }),
  operation({
    method: 'post',
    path: '/assistants/{assistant_id}',
    summary: 'Modify an assistant',
    number: 12,
    params,
    body: modifyAssistantRequest,
    response: assistantObject,
    handle: async (call) =>
      shownSampling(
        await (await assistants()).modify(call.scope, call.params.assistant_id, call.body, beginIngestion(call)),
      ),
  }),
  operation({
    method: 'delete',
    path: '/assistants/{assistant_id}',
    summary: 'Delete an assistant',
    number: 13,
    params,
    response: deletedObject('assistant.deleted'),
    handle: async ({ scope, params }) => (await assistants()).remove(scope, params.assistant_id),
  }),
];
