/** Completions, embeddings and chat completions: operations 1 to 3. */
import { services, type Services } from '../app';
import { faultLogger } from '../log';
import type { Call } from '../http/operation';
import { eventStream } from '../http/serverSentEvents';
import {
  chatCompletion,
  chatRequest,
  completion,
  completionRequest,
  embeddingList,
  embeddingsRequest,
  type ChatCompletionRequest,
} from '../wire/chat';
import { answerFromData, withoutDataSources } from './chatOnYourData';
import { bothStyles, forwardJson, modelOf, orModelError } from './modelCall';

export const completions = bothStyles({
  number: 1,
  path: 'completions',
  summary: 'Create a completion',
  body: completionRequest,
  response: completion,
  handle: async (call, deployment) => forwardJson(call, 'completions', modelOf(deployment, call.body), call.body),
});

export const embeddings = bothStyles({
  number: 2,
  path: 'embeddings',
  summary: 'Create embeddings',
  body: embeddingsRequest,
  response: embeddingList,
  handle: async (call, deployment) => {
    const model = modelOf(deployment, call.body);
    const { local } = await services();
    if (!local.servesEmbeddings(model)) return forwardJson(call, 'embeddings', model, call.body);
    return orModelError(local.completions.embeddings({ ...call.body, model }, call.connection.signal));
  },
});

export const chatCompletions = bothStyles({
  number: 3,
  path: 'chat/completions',
  summary: 'Create a chat completion',
  body: chatRequest,
  response: chatCompletion,
  handle: async (call, deployment) => {
    const model = modelOf(deployment, call.body);
    if (call.body.data_sources != null) {
      const answer = await answerFromData(call, model);
      if (answer !== undefined) return answer;
      call.body = withoutDataSources(call.body);
      call.bytes = Buffer.from(JSON.stringify(call.body));
    }
    const { local } = await services();
    if (!local.servesChat(model)) return forwardJson(call, 'chat/completions', model, call.body);
    return localChat(call, local.completions, { ...call.body, model });
  },
});

async function localChat(
  call: Call,
  local: Services['local']['completions'],
  request: ChatCompletionRequest & { model: string },
): Promise<unknown> {
  const { connection } = call;
  if (!request.stream) return orModelError(local.chatCompletion(request, connection.signal));
  const chunks = local.chatChunks(request, connection.signal);
  // What the model refuses it refuses before its first chunk, and a status can still say so.
  const first = await orModelError(chunks.next());
  const logFault = faultLogger();
  return eventStream(
    connection,
    async (send) => {
      if (!first.done) await send(undefined, first.value);
      for await (const chunk of chunks) await send(undefined, chunk);
      await send(undefined, '[DONE]');
    },
    (error) => logFault('A stream of the built-in model broke.', error),
    false,
  );
}
