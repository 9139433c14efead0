/** Chat completions with `data_sources`: what the edge decides before the pipeline runs, and how its answer goes out. */
import { services, settings } from '../app';
import type { GroundedRequest } from '../dataSources/chatOnYourData';
import { contextsInPlace } from '../dataSources/conversation';
import { errors } from '../errors';
import { faultLogger } from '../log';
import type { Call } from '../http/operation';
import { defaultTimes } from '../http/passThrough';
import { eventStream } from '../http/serverSentEvents';
import type { CompletionBody, CompletionChunk } from '../models/ports';
import type { ChatCompletionRequest } from '../wire/chat';
import { readDataSource } from './dataSources';

/** Of a request that says `none` for its tools, and false for `logprobs`. */
const NOT_SENT = ['tools', 'tool_choice', 'parallel_tool_calls', 'functions', 'function_call', 'logprobs'];

type ChatCall = Call<unknown, unknown, ChatCompletionRequest>;

/**
 * Answers from the request's data source. Undefined where the source is left out: the service does so where the request also has tools and does not say `none`
 * for them, and {@link withoutDataSources} is what is asked then. Throws 400 for what does not go with a source.
 */
export async function answerFromData(call: ChatCall, model: string): Promise<unknown> {
  const { data_sources, stream, stream_options, ...asked } = call.body;
  const configuration = readDataSource(data_sources, settings().dataSources, call.scope);
  refuseWhatDoesNotGo(asked);
  if (callsTools(asked)) return undefined;
  const body: CompletionBody = { ...asked, messages: contextsInPlace(asked.messages), model };
  for (const field of NOT_SENT) delete body[field];
  // Let go of: the answer may take minutes.
  call.bytes = new Uint8Array();
  const request = { scope: call.scope, configuration, body };
  return stream ? streamed(call, request, stream_options?.include_usage === true) : whole(call, request);
}

/** The request as if it had no source. */
export function withoutDataSources({ data_sources: _, ...request }: ChatCompletionRequest): ChatCompletionRequest {
  return {
    ...request,
    messages: contextsInPlace(request.messages).map(({ context: _context, ...message }) => message),
  };
}

function refuseWhatDoesNotGo({ logprobs, top_logprobs, n, modalities }: ChatCompletionRequest): void {
  const refuse = (param: string, why: string): never => {
    throw errors.invalidParameter(`Invalid '${param}': ${why}.`, 'invalid_value', param);
  };
  const beside = "it is not supported together with 'data_sources'";
  if (logprobs != null && logprobs !== false) refuse('logprobs', beside);
  if (top_logprobs != null) refuse('top_logprobs', beside);
  if (modalities?.includes('audio'))
    refuse('modalities', `'audio' in it is not supported together with 'data_sources'`);
  if (n != null && !(Number.isInteger(n) && Number(n) >= 1 && Number(n) <= 128))
    refuse('n', 'it must be a whole number from 1 to 128');
}

/** `functions` and `function_call` are the older names of the same. */
function callsTools({ tools, tool_choice, functions, function_call }: ChatCompletionRequest): boolean {
  if (tools && tools.length > 0 && tool_choice !== 'none') return true;
  return Array.isArray(functions) && functions.length > 0 && function_call !== 'none';
}

async function whole({ connection }: ChatCall, request: GroundedRequest): Promise<unknown> {
  const { chatOnYourData } = await services();
  const late = AbortSignal.timeout(defaultTimes.wholeAnswerMs);
  try {
    return await chatOnYourData.whole(request, AbortSignal.any([connection.signal, late]));
  } catch (error) {
    if (late.aborted) throw errors.tooLongForOneAnswer(Math.round(defaultTimes.wholeAnswerMs / 1000));
    throw error;
  }
}

/** What goes wrong before the first chunk is a status, unless that takes so long that the stream has to begin. */
async function streamed(call: ChatCall, request: GroundedRequest, includeUsage: boolean): Promise<Response> {
  const { connection } = call;
  const { chatOnYourData } = await services();
  const chunks = chatOnYourData.chunks(request, includeUsage, connection.signal);
  const first = chunks.next();
  await begun(first, defaultTimes.streamBeginsMs);
  const logFault = faultLogger();
  return eventStream(
    connection,
    async (send) => {
      const { done, value } = await first;
      if (!done) await send(undefined, value);
      for await (const chunk of chunks) await send(undefined, chunk);
      await send(undefined, '[DONE]');
    },
    (error) => {
      if (!connection.signal.aborted) logFault('A stream over a data source broke.', error);
    },
    false,
  );
}

/** Resolves when the first chunk is there, or the time is over. Throws what comes in its place. */
async function begun(first: Promise<IteratorResult<CompletionChunk, void>>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([first, late]).finally(() => clearTimeout(timer));
}
