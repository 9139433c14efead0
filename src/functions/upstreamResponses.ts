/** Responses of an upstream that has them: passed on, each tenant's own. */
import { z } from 'zod';
import { services } from '../app';
import { errors } from '../errors';
import { operation, pathParams, type Call, type Operation } from '../http/operation';
import { hasRepeatedMembers } from '../http/repeatedMembers';
import type { GatewayAnswer } from '../models/gateway';
import { shownAgent } from '../responses/agentReference';
import { textOfResponse, type ToldObjects } from '../responses/toldObjects';
import type { UpstreamRequest } from '../responses/upstreamResponses';
import { upstreamAnswer, upstreamResponseRequest } from '../wire/upstreamResponses';
import { forward, forwardJson } from './modelCall';
import { jsonOf } from './readAnswers';
import { bytesOf, notedAnswer, withBytes } from './notedAnswer';
import { requireBackends } from './upstreamMode';

/** Screens, pictures and files may be part of an input. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;
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

const countInput = operation({
  method: 'post',
  path: '/responses/input_tokens',
  changes: false,
  summary: 'Count the tokens of an input',
  apiVersionOptional: true,
  body: upstreamResponseRequest,
  maxBodyBytes: MAX_BODY_BYTES,
  response: upstreamAnswer,
  handle: async (call) => passRequest(call, 'responses/input_tokens', async (answer) => answer),
});

/** What comes of it is given back whole and kept nowhere. */
const compact = operation({
  method: 'post',
  path: '/responses/compact',
  summary: 'Compact a conversation',
  apiVersionOptional: true,
  body: upstreamResponseRequest,
  maxBodyBytes: MAX_BODY_BYTES,
  response: upstreamAnswer,
  handle: async (call) => passRequest(call, 'responses/compact', async (answer) => answer),
});

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
    return passOwn(call, 'DELETE', '', async (answer) => {
      if (answer.status < 300 || answer.status === 404)
        await upstreamResponses.forgetResponse(scope, params.response_id);
      return answer;
    });
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
  handle: async (call) => passOwn(call, 'GET', '/input_items', async (answer) => answer),
});

type See = (answer: GatewayAnswer, agent?: UpstreamRequest['agent']) => Promise<GatewayAnswer>;

/** Sends a request of the family on, once: it may be billed, and what it makes is stored. `see` is given successes. */
async function passRequest(
  call: Call<unknown, unknown, z.output<typeof upstreamResponseRequest>>,
  operation: string,
  see: See,
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
async function passOwn(call: ResponseCall, method: 'GET' | 'POST' | 'DELETE', action: string, see: See) {
  const { scope, params, request } = call;
  const { response_id: id } = params;
  const backend = await (await services()).upstreamResponses.backendOfResponse(scope, id);
  const query = queryOf(request);
  return forward(call, {
    operation: `responses/${encodeURIComponent(id)}${action}`,
    method,
    model: '',
    query,
    backend,
    repeats: method === 'GET',
    streamed: query?.get('stream') === 'true',
    errorEvent,
    see: async (answer) => see(withoutCost(answer)),
  });
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
    const note = async (told: Parameters<typeof upstreamResponses.note>[2]) =>
      upstreamResponses.note(scope, answer.backend, told, true);
    return notedAnswer(answer, note, toleratesUnknownFields ? withText : undefined);
  };
}

/** The body as it came; where it names members twice, as it was read and checked here. */
export const checkedBytes = ({ bytes, body }: Pick<Call, 'bytes' | 'body'>): Uint8Array =>
  hasRepeatedMembers(bytes, body) ? Buffer.from(JSON.stringify(body)) : bytes;

/** The tokens that it tells of were counted when they were used. */
export const withoutCost = (answer: GatewayAnswer): GatewayAnswer => ({ ...answer, settleUsage: () => undefined });

/** Foundry's connectors read the text of a response from `output_text`. */
const withText = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? { ...value, output_text: textOfResponse(value) } : value;

/** The upstream does not know the agent that it answers for. */
const withAgent = (value: unknown, agent: UpstreamRequest['agent']): unknown =>
  agent && typeof value === 'object' && value !== null ? { ...value, ...shownAgent(agent) } : value;

/** What callers may ask of the upstream in the query. */
const QUERY = /^(?:include|include\[\]|stream|starting_after|include_obfuscation|limit|order|after|before)$/;

/** The query as it goes on; undefined for none. */
export function queryOf(request: Request): URLSearchParams | undefined {
  const passed = [...new URL(request.url).searchParams]
    // `@azure/ai-agents` encodes brackets twice.
    .map(([name, value]): [string, string] => [name.replace(/%5b%5d$/i, '[]'), value])
    .filter(([name]) => QUERY.test(name));
  return passed.length > 0 ? new URLSearchParams(passed) : undefined;
}

/** A refusal with a code of its own, which is not that of an unknown address. */
const refusalWithCode = z.object({
  error: z.object({ code: z.string().refine((code) => !/^(?:404|unknown_url|resource_?not_?found)$/i.test(code)) }),
});

/** The refusal, unless it is that of a service without the family. Throws 400 for that. `backend`: is known to have it. */
export async function unlessLacking(
  answer: GatewayAnswer,
  what: string,
  backend: string | undefined,
): Promise<GatewayAnswer> {
  const { status, setting } = answer;
  if (backend !== undefined || ![404, 405, 501].includes(status)) return answer;
  const bytes = await bytesOf(answer);
  if (status === 404 && refusalWithCode.safeParse(jsonOf(bytes)).success) return withBytes(answer, bytes);
  throw errors.upstreamLacks(what, setting);
}

export const upstreamResponseOperations: Operation[] = [create, countInput, compact, get, remove, cancel, inputItems];
