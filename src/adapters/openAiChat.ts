/** Chat completions over the gateway. */
import { estimatedTokens } from '../models/estimatedTokens';
import type { Gateway, GatewayAnswer } from '../models/gateway';
import type { ChatEvent, ChatModel, ChatRequest } from '../models/ports';
import { chatAdaptations } from './chatAdaptations';
import { chatCompletionEvents } from './chatCompletionEvents';
import { answerFailure, refusal, release, settleUsage } from './openAiAnswer';
import { refusalInside } from './openAiErrors';

const headers = new Headers({ 'content-type': 'application/json', accept: 'text/event-stream' });

interface CallOptions {
  signal?: AbortSignal;
  tenant?: string;
  tellsThoughts: boolean;
}

/**
 * A chat model behind the gateway. Always asks for a stream, and reads a whole answer as well.
 *
 * Tried again before the first event: what the gateway repeats, answers that break off or cannot be read, and, once each, what the model refused and can be put
 * otherwise (`chatAdaptations.ts`).
 */
export function openAiChat(gateway: Gateway, now: () => number = Date.now): ChatModel {
  const adaptations = chatAdaptations(now);

  async function begin(request: ChatRequest, body: object, { signal, tenant, tellsThoughts }: CallOptions) {
    const asked = { ...body, stream: true, stream_options: { include_usage: true } };
    const bytes = Buffer.from(encodableJson(asked));
    return gateway.exchange(
      {
        operation: 'chat/completions',
        method: 'POST',
        model: request.model,
        headers,
        body: { kind: 'json', bytes },
        tenant,
        repeatable: true,
        estimatedTokens: estimatedTokens(bytes.length, asked),
        signal,
      },
      async (answer) => {
        const events = eventsOf(answer, gateway, request, { signal, tellsThoughts });
        return { first: await events.next(), events };
      },
    );
  }

  async function begun(request: ChatRequest, options: CallOptions): ReturnType<typeof begin> {
    for (;;) {
      const adapted = adaptations.adapt(request);
      try {
        return await begin(request, adapted.body, options);
      } catch (error) {
        if (options.signal?.aborted || !adaptations.learn(adapted, error)) throw error;
      }
    }
  }

  return {
    serves: (model) => gateway.serves(model),
    async *stream(request, signal, tenant, tellsThoughts = false) {
      const { first, events } = await begun(request, { signal, tenant, tellsThoughts });
      try {
        if (!first.done) yield first.value;
        yield* events;
      } finally {
        await events.return();
      }
    },
  };
}

/** JSON without halves of characters, as texts that were cut end in them: many services refuse the whole request for one. */
function encodableJson(value: object): string {
  const text = JSON.stringify(value);
  if (!/\\ud[89a-f]/.test(text)) return text;
  return JSON.stringify(value, (_name, part: unknown) => (typeof part === 'string' ? part.toWellFormed() : part));
}

async function* eventsOf(
  answer: GatewayAnswer,
  gateway: Gateway,
  { model }: ChatRequest,
  { signal, tellsThoughts }: Omit<CallOptions, 'tenant'>,
): AsyncGenerator<ChatEvent, void, void> {
  if (answer.status >= 300) throw await refusal(answer, model);
  const { body, setting } = answer;
  let isFinished = false;
  try {
    const pieces: AsyncIterable<Uint8Array> = body.iterator({ destroyOnReturn: false });
    const inside = (errorBody: string) => refusalInside(gateway.scrub(errorBody), setting, model, Date.now());
    for await (const event of chatCompletionEvents(pieces, answer.headers.get('content-type') ?? '', inside)) {
      signal?.throwIfAborted();
      if (event.type === 'reasoning' && !tellsThoughts) continue;
      isFinished = event.type === 'finish';
      if (event.type === 'finish') settleUsage(answer, event.usage);
      yield event;
    }
  } catch (error) {
    throw answerFailure(error, setting, signal);
  } finally {
    release(body, isFinished);
  }
}
