/** `ask`: an agent runs to its end and its text and citations come back; an extension for those who make flows. */
import { namedAgent } from '../agents/namedAgent';
import { services } from '../app';
import { errors } from '../errors';
import { operation, pathParams, type Call, type Operation } from '../http/operation';
import { citedResponse } from '../responses/citedResponse';
import { isOver } from '../responses/responseEvents';
import { askAnswer, askRequest, type AskAnswer } from '../wire/ask';
import type { ResponseObject } from '../wire/responses';
import { begin, within } from './askedResponses';

/** How soon to look again, in seconds. */
const RETRY_AFTER = '2';

function answerOf(response: ResponseObject): AskAnswer {
  const { status, text, citations, waitsFor } = citedResponse(response);
  return {
    response_id: response.id,
    status,
    text,
    citations,
    ...(waitsFor.length > 0 && { waits_for: waitsFor }),
  };
}

/** Where to look for the answer, at the path that the question was put to. */
function underWay({ request }: Pick<Call, 'request'>, id: string): Response {
  const { origin, pathname, search } = new URL(request.url);
  const path = pathname.replace(/\/ask(\/[^/]*)?\/?$/i, '/ask');
  const body: AskAnswer = { response_id: id, status: 'in_progress' };
  return Response.json(body, {
    status: 202,
    headers: { location: `${origin}${path}/${id}${search}`, 'retry-after': RETRY_AFTER },
  });
}

const ask: Operation = operation({
  method: 'post',
  path: '/agents/{agent_name}/ask',
  summary: 'Ask an agent, and get its text and citations',
  role: 'user',
  params: pathParams('agent_name'),
  body: askRequest,
  response: askAnswer,
  handle: async (call) => {
    const { body, scope, params, connection } = call;
    const { input, previous_response_id, conversation_id: conversation } = body;
    const agent = { type: 'agent_reference', ...namedAgent(params.agent_name) } as const;
    const id = await begin(call, { agent, input, previous_response_id, conversation });
    const response = await within(scope, id, body.wait_seconds, connection.signal);
    return response ? answerOf(response) : underWay(call, id);
  },
});

const getAnswer: Operation = operation({
  method: 'get',
  path: '/agents/{agent_name}/ask/{response_id}',
  summary: 'Get the answer to a question that took longer',
  params: pathParams('agent_name', 'response_id'),
  response: askAnswer,
  handle: async (call) => {
    const { agent_name, response_id } = call.params;
    const response = await (await services()).responses.get(call.scope, response_id);
    if (response.agent?.name !== namedAgent(agent_name).name) throw errors.noResponse(response_id);
    return isOver(response.status) ? answerOf(response) : underWay(call, response_id);
  },
});

export const askOperations: Operation[] = [ask, getAnswer];
