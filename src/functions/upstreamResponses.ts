/** Responses of an upstream that has them: passed on, each tenant's own. */
import type { z } from 'zod';
import { services } from '../app';
import { operation, pathParams, type Call, type Operation } from '../http/operation';
import type { GatewayAnswer } from '../models/gateway';
import { shownAgent } from '../responses/agentReference';
import { textOfResponse, type ToldObjects } from '../responses/toldObjects';
import type { UpstreamRequest } from '../responses/upstreamResponses';
import { upstreamAnswer, upstreamResponseRequest } from '../wire/upstreamResponses';
import { forwardJson } from './modelCall';
import { notedAnswer } from './notedAnswer';
import { MAX_BODY_BYTES } from './responses';
import { requireBackends } from './upstreamMode';
import { checkedBytes, forgetting, passToOwner, unlessLacking, type See } from './upstreamObject';

const params = pathParams('response_id');
type ResponseCall = Call<{ response_id: string }>;

const create = operation({
  method: 'post',
  path: '/responses',
  summary: 'Create a response',
  apiVersionOptional: true,
  body: upstreamResponseRequest,
  maxBodyBytes: MAX_BODY_BYTES,
  response: upstreamAnswer,
  handle: async (call) => {
    const { scope, body, toleratesUnknownFields } = call;
    const { upstreamResponses } = await services();
    const isStored = body.store !== false;
    return passRequest(call, 'responses', async (answer, agent) => {
      const shown = (value: unknown) => withAgent(toleratesUnknownFields ? withText(value) : value, agent);
      const note = async (told: ToldObjects) => upstreamResponses.note(scope, answer.backend, told, isStored);
      return notedAnswer(answer, note, toleratesUnknownFields || agent ? shown : undefined);
    });
  },
});

/** What comes of a request, given back whole and kept nowhere. */
const passedRequest = (name: string, summary: string, changes: boolean) =>
  operation({
    method: 'post',
    path: `/${name}`,
    changes,
    summary,
    apiVersionOptional: true,
    body: upstreamResponseRequest,
    maxBodyBytes: MAX_BODY_BYTES,
    response: upstreamAnswer,
    handle: async (call) => passRequest(call, name, async (answer) => answer),
  });
const countInput = passedRequest('responses/input_tokens', 'Count the tokens of an input', false);
const compact = passedRequest('responses/compact', 'Compact a conversation', true);

const get = operation({
  method: 'get',
  path: '/responses/{response_id}',
  summary: 'Get a response',
  apiVersionOptional: true,
  params,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'GET', '', noteOf(call)),
});

const remove = operation({
  method: 'delete',
  path: '/responses/{response_id}',
  summary: 'Delete a response',
  apiVersionOptional: true,
  params,
  response: 'raw',
  handle: async (call) => {
    const { scope, params } = call;
    const { upstreamResponses } = await services();
    const forget = async () => upstreamResponses.forgetResponse(scope, params.response_id);
    return passOwn(call, 'DELETE', '', forgetting(forget));
  },
});

const cancel = operation({
  method: 'post',
  path: '/responses/{response_id}/cancel',
  summary: 'Cancel a response',
  apiVersionOptional: true,
  params,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'POST', '/cancel', noteOf(call)),
});

const inputItems = operation({
  method: 'get',
  path: '/responses/{response_id}/input_items',
  summary: 'List input items',
  apiVersionOptional: true,
  params,
  response: upstreamAnswer,
  handle: async (call) => passOwn(call, 'GET', '/input_items'),
});

type SeeAgent = (answer: GatewayAnswer, agent: UpstreamRequest['agent']) => Promise<GatewayAnswer>;

/** Sends a request of the family on, once: it may be billed, and what it makes is stored. `see` is given successes. */
async function passRequest(
  call: Call<unknown, unknown, z.output<typeof upstreamResponseRequest>>,
  operation: string,
  see: SeeAgent,
): Promise<Response> {
  await requireBackends();
  const { scope, body } = call;
  const { model, backend, changed, agent } = await (await services()).upstreamResponses.prepare(scope, body);
  const sent = changed ? Buffer.from(JSON.stringify(changed)) : checkedBytes(call);
  return forwardJson(call, operation, model, { ...body, stream: body.stream === true }, sent, {
    backend,
    repeats: operation === 'responses/input_tokens',
    errorEvent,
    see: async (answer) => (answer.status < 300 ? see(answer, agent) : unlessLacking(answer, operation, backend)),
  });
}

/** Sends a call about a response of the caller's own to the upstream that has it. */
async function passOwn(call: ResponseCall, method: 'GET' | 'POST' | 'DELETE', action: string, see?: See) {
  const { response_id: id } = call.params;
  const backend = await (await services()).upstreamResponses.backendOfResponse(call.scope, id);
  const operation = `responses/${encodeURIComponent(id)}${action}`;
  return passToOwner(call, { backend, operation, method, errorEvent, see });
}

/** The error as a response's event, numbered behind the last one. The SDK of OpenAI throws what is in `error`, as of every stream that breaks off. */
function errorEvent(error: object, last: string): string {
  const number = [...last.matchAll(/"sequence_number"\s*:\s*(\d+)/g)].at(-1)?.[1];
  const sequence_number = number === undefined ? 0 : Number(number) + 1;
  return `event: error\ndata: ${JSON.stringify({ ...error, type: 'error', sequence_number, error })}\n\n`;
}

/** Notes what a stored response tells of: one in the background tells its items only when it is asked for. */
function noteOf({ scope, toleratesUnknownFields }: Call): See {
  return async (answer) => {
    if (answer.status >= 300) return answer;
    const { upstreamResponses } = await services();
    const note = async (told: ToldObjects) => upstreamResponses.note(scope, answer.backend, told, true);
    return notedAnswer(answer, note, toleratesUnknownFields ? withText : undefined);
  };
}

/** Foundry's connectors read the text of a response from `output_text`. */
const withText = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? { ...value, output_text: textOfResponse(value) } : value;

/** The upstream does not know the agent that it answers for. */
const withAgent = (value: unknown, agent: UpstreamRequest['agent']): unknown =>
  agent && typeof value === 'object' && value !== null ? { ...value, ...shownAgent(agent) } : value;

export const upstreamResponseOperations: Operation[] = [create, countInput, compact, get, remove, cancel, inputItems];
