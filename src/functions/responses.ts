/** Responses: operations 49 to 52. */
import { services } from '../app';
import { ApiError, errors } from '../errors';
import { errorBody, isFault } from '../http/errorResponse';
import type { Family } from '../http/family';
import { aboutObject, operation, pathParams, polled, type Call, type Operation } from '../http/operation';
import { faultLogger } from '../log';
import { listObject } from '../http/paging';
import { eventStream } from '../http/serverSentEvents';
import { outputText, shownEvent, shownItem, shownResponse, type View } from '../responses/shownResponse';
import { isOver, type ResponseEvent, type ResponseSink } from '../responses/responseEvents';
import type { PreparedResponse } from '../responses/responses';
import { listOf, pageQuery } from '../wire/common';
import { flowResponseRequest } from '../wire/connector';
import { includable, responseItem, type Includable } from '../wire/responseItems';
import {
  createResponseRequest,
  includeQuery,
  inputTokensObject,
  inputTokensRequest,
  responseObject,
  retrieveResponseQuery,
  type ResponseObject,
} from '../wire/responses';
import { orModelError } from './modelCall';
import { startResponse } from './orchestrationStart';
import { errorEvent, responseStream } from './responseStream';

const responseParams = pathParams('response_id');
const inputItemsQuery = pageQuery.extend({
  order: pageQuery.shape.order.unwrap().default('asc'),
  ...includeQuery.shape,
});
/** Pictures and files may be part of an input. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** `include` of the query, with and without brackets, once or several times, with brackets also joined by commas. Throws 400 for an unknown one. */
export function includeOf(request: Request): Includable[] {
  const { searchParams } = new URL(request.url);
  const bracketed = searchParams.getAll('include[]').flatMap((given) => given.split(','));
  return [...searchParams.getAll('include'), ...bracketed].map((given) => {
    const parsed = includable.safeParse(given);
    if (parsed.success) return parsed.data;
    const message = `Invalid value: '${given.slice(0, 100)}'. Supported values are: ${includable.options.map((one) => `'${one}'`).join(', ')}.`;
    throw errors.invalidParameter(message, 'invalid_value', 'include');
  });
}

/** `/openai` with a version by date, or with none, which the contract allows here (oddity O22). */
const isDated = ({ request, apiVersion }: Call): boolean =>
  /^\/openai\/(?!v1\/)/i.test(new URL(request.url).pathname) && (apiVersion === undefined || /^\d/.test(apiVersion));

/** What the caller asked to see, the addresses of files below the base path that he came by, and his version. */
export function viewOf(call: Call, include: readonly Includable[]): View {
  const { origin, pathname } = new URL(call.request.url);
  const base =
    origin +
    pathname.replace(/(\/agents\/[^/]+\/endpoint\/protocols\/openai)?\/(responses|conversations)(\/.*)?$/i, '');
  return { include, fileUrl: (_container, file) => `${base}/files/${file}/content`, isDated: isDated(call) };
}

/** A response as it goes out: connectors of Foundry read its text from `output_text`. */
function shown(call: Call, response: ResponseObject, view: View): ResponseObject {
  const whole = shownResponse(response, view);
  return call.toleratesUnknownFields ? { ...whole, output_text: outputText(response) } : whole;
}

const shownTo = (call: Call, view: View, responseId: string) => (event: ResponseEvent) => {
  const { response, ...rest } = shownEvent(event, view, responseId);
  return { ...rest, ...(response && { response: shown(call, response, view) }) };
};

/** Stores the response and has it driven by its orchestration. */
async function beginInBackground(call: Call, prepared: PreparedResponse): Promise<ResponseObject> {
  const response = await (await services()).responses.begin(prepared);
  await startResponse(call.invocation, prepared);
  return response;
}

/** The stream of a response in the background, from what is stored of it, so that a caller who leaves stops nothing. */
async function followed(call: Call, id: string, startingAfter: number, view: View): Promise<Response> {
  const { connection, scope } = call;
  const show = shownTo(call, view, id);
  const { responses } = await services();
  const logFault = faultLogger();
  const events = await responses.follow(scope, id, startingAfter, connection.signal);
  return eventStream(
    connection,
    async (send) => {
      let last = startingAfter;
      try {
        for await (const event of events) {
          last = event.sequence_number;
          await send(event.type, { sequence_number: last, ...show(event) });
        }
      } catch (error) {
        if (connection.signal.aborted) return;
        // Not one of the response's events: who asks again behind it misses none.
        await send('error', errorEvent(error, last));
        if (isFault(error)) logFault(`The stream of ${id} failed.`, error);
      }
    },
    (error) => logFault(`The stream of ${id} failed.`, error),
  );
}

const create: Operation = operation({
  method: 'post',
  path: '/responses',
  summary: 'Create a response',
  number: 49,
  apiVersionOptional: true,
  body: createResponseRequest,
  projectBody: flowResponseRequest,
  maxBodyBytes: MAX_BODY_BYTES,
  response: responseObject,
  handle: async (call) => {
    const { responses } = await services();
    const { scope, connection } = call;
    const { agent_tools: agentTools, ...body } = { agent_tools: undefined, ...call.body };
    const view = viewOf(call, body.include ?? []);
    const { signal } = connection;
    const prepared = await responses.prepare(scope, body, {
      takesAnyPrompt: call.toleratesUnknownFields,
      agentTools,
      signal,
    });
    if (body.background) {
      const response = await beginInBackground(call, prepared);
      const answer = body.stream ? await followed(call, response.id, -1, view) : polled(shown(call, response, view));
      return aboutObject(answer, response.id);
    }
    const work = async (sink: ResponseSink, isStatusSent?: () => boolean) =>
      orModelError(responses.answer(prepared, sink, signal, isStatusSent));
    if (body.stream) {
      const stream = await responseStream(call, work, shownTo(call, view, prepared.response.id));
      return aboutObject(stream, prepared.response.id);
    }
    return shown(call, await work(() => Promise.resolve()), view);
  },
});

const get: Operation = operation({
  method: 'get',
  path: '/responses/{response_id}',
  summary: 'Get a response',
  number: 50,
  apiVersionOptional: true,
  params: responseParams,
  query: retrieveResponseQuery,
  response: responseObject,
  handle: async (call) => {
    const { params, query, scope } = call;
    const view = viewOf(call, includeOf(call.request));
    if (query.stream) return followed(call, params.response_id, query.starting_after ?? -1, view);
    if (query.starting_after !== undefined)
      throw errors.invalidParameter(
        "'starting_after' is only taken with 'stream=true'.",
        'invalid_value',
        'starting_after',
      );
    const response = await (await services()).responses.get(scope, params.response_id);
    const whole = shown(call, response, view);
    return isOver(response.status) ? whole : polled(whole);
  },
});

const cancel: Operation = operation({
  method: 'post',
  path: '/responses/{response_id}/cancel',
  summary: 'Cancel a response',
  apiVersionOptional: true,
  params: responseParams,
  query: includeQuery,
  response: responseObject,
  handle: async (call) => {
    const response = await (await services()).responses.cancel(call.scope, call.params.response_id);
    return shown(call, response, viewOf(call, includeOf(call.request)));
  },
});

const remove: Operation = operation({
  method: 'delete',
  path: '/responses/{response_id}',
  summary: 'Delete a response',
  number: 51,
  apiVersionOptional: true,
  params: responseParams,
  response: 'raw',
  handle: async (call) => {
    const { response_id: id } = call.params;
    try {
      await (await services()).responses.remove(call.scope, id);
      // Azure's versions by date list no body, but its .NET SDK reads one (oddity O24).
      return Response.json({ id, object: 'response', deleted: true });
    } catch (error) {
      if (!isDated(call) || !(error instanceof ApiError) || error.status !== 404) throw error;
      // The error as its operation declares it, without an envelope, and as every other is answered (oddity O23).
      const whole = errorBody(error);
      const code = whole.error.code ?? 'not_found';
      const { message } = whole.error;
      return Response.json({ error: { ...whole.error, code }, code, message }, { status: error.status });
    }
  },
});

const inputItems: Operation = operation({
  method: 'get',
  path: '/responses/{response_id}/input_items',
  summary: 'List input items',
  number: 52,
  apiVersionOptional: true,
  params: responseParams,
  query: inputItemsQuery,
  response: listOf(responseItem),
  handle: async (call) => {
    const view = viewOf(call, includeOf(call.request));
    const page = await (await services()).responses.inputItems(call.scope, call.params.response_id, call.query);
    return listObject({ ...page, data: page.data.map((item) => shownItem(item, view)) });
  },
});

const inputTokens: Operation = operation({
  method: 'post',
  path: '/responses/input_tokens',
  changes: false,
  summary: 'Count the tokens of an input',
  apiVersionOptional: true,
  body: inputTokensRequest,
  maxBodyBytes: MAX_BODY_BYTES,
  response: inputTokensObject,
  handle: async ({ scope, body, connection }) => {
    const input_tokens = await (await services()).responses.countInput(scope, body, connection.signal);
    return { object: 'response.input_tokens', input_tokens };
  },
});

export const responsesFamily: Family = {
  name: 'responses',
  operations: [create, get, cancel, remove, inputItems, inputTokens],
};
