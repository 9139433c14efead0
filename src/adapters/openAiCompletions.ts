/** Chat completions in their wire form over the gateway. */
import { z } from 'zod';
import { estimatedTokens } from '../models/estimatedTokens';
import { UpstreamError } from '../models/upstream';
import type { Gateway, GatewayAnswer } from '../models/gateway';
import type { Completion, CompletionBody, CompletionChunk, Completions } from '../models/ports';
import { parseJson, readJson } from './answerBody';
import { chatAdaptations } from './chatAdaptations';
import { serverSentEvents } from './chatCompletionEvents';
import { answerFailure, refusal, release, settleUsage } from './openAiAnswer';
import { malformed, refusalInside } from './openAiErrors';

/** Largest whole answer; pictures and sounds are not asked for. */
const MAX_BYTES = 16 * 1024 * 1024;

const usage = z
  .looseObject({
    prompt_tokens: z.number().default(0),
    completion_tokens: z.number().default(0),
    total_tokens: z.number().default(0),
  })
  .nullish();
const index = z.int().default(0);
const content = z.string().nullish();
const completion = z.looseObject({
  choices: z.array(z.looseObject({ index, message: z.looseObject({ content }) })),
  usage,
});
const chunk = z.looseObject({
  choices: z
    .array(z.looseObject({ index, delta: z.looseObject({ content }).default({}), finish_reason: z.string().nullish() }))
    .default([]),
  usage,
});
const failure = z.object({ error: z.unknown().refine((error) => error != null) });

/**
 * Chat completions of the models behind the gateway, with every field of the service's own. The request is put otherwise where a model refuses the role of its
 * instructions, or takes one name alone for the most tokens of an answer; what else the caller sets goes as it is.
 */
export function openAiCompletions(gateway: Gateway, now: () => number = Date.now): Completions {
  const adaptations = chatAdaptations(now, false);

  async function exchanged<T>(
    body: CompletionBody,
    stream: object,
    signal: AbortSignal,
    tenant: string,
    read: (answer: GatewayAnswer) => Promise<T>,
  ): Promise<T> {
    for (;;) {
      const adapted = adaptations.adapt(body);
      const bytes = Buffer.from(JSON.stringify({ ...adapted.body, ...stream }));
      try {
        return await gateway.exchange(
          {
            operation: 'chat/completions',
            method: 'POST',
            model: body.model,
            headers: new Headers({ 'content-type': 'application/json', accept: acceptOf(stream) }),
            body: { kind: 'json', bytes },
            tenant,
            repeatable: true,
            estimatedTokens: estimatedTokens(bytes.length, body),
            signal,
          },
          async (answer) => {
            if (answer.status >= 300) throw await refusal(answer, body.model);
            return read(answer);
          },
        );
      } catch (error) {
        if (signal.aborted || !adaptations.learn(adapted, error)) throw error;
      }
    }
  }

  const refusedInside = (value: unknown, { setting }: GatewayAnswer, model: string): UpstreamError | undefined =>
    failure.safeParse(value).success
      ? refusalInside(gateway.scrub(JSON.stringify(value)), setting, model, now())
      : undefined;

  async function readWhole(answer: GatewayAnswer, model: string, signal: AbortSignal): Promise<Completion> {
    try {
      const value = await readJson(answer.body, MAX_BYTES);
      const refused = refusedInside(value, answer, model);
      if (refused) throw refused;
      const parsed = completion.safeParse(value);
      if (!parsed.success) throw malformed('it is not a chat completion', parsed.error);
      settleUsage(answer, parsed.data.usage);
      return parsed.data;
    } catch (error) {
      throw answerFailure(error, answer.setting, signal);
    }
  }

  async function* readChunks(
    answer: GatewayAnswer,
    model: string,
    signal: AbortSignal,
  ): AsyncGenerator<CompletionChunk, void, void> {
    let isComplete = false;
    try {
      const pieces: AsyncIterable<Uint8Array> = answer.body.iterator({ destroyOnReturn: false });
      for await (const { event, data } of serverSentEvents(pieces)) {
        signal.throwIfAborted();
        if (data.trim() === '[DONE]') {
          isComplete = true;
          return;
        }
        const value = parseJson(data);
        const refused =
          event === 'error'
            ? refusalInside(gateway.scrub(data), answer.setting, model, now())
            : refusedInside(value, answer, model);
        if (refused) throw refused;
        const parsed = chunk.safeParse(value);
        if (!parsed.success) throw malformed('it is not a chat completion', parsed.error);
        settleUsage(answer, parsed.data.usage);
        isComplete ||= parsed.data.choices.some(({ finish_reason }) => finish_reason);
        yield parsed.data;
      }
      if (!isComplete)
        throw new UpstreamError('unavailable', 'The model service ended its answer before it was complete.', {});
    } catch (error) {
      throw answerFailure(error, answer.setting, signal);
    } finally {
      release(answer.body, isComplete);
    }
  }

  return {
    serves: (model) => gateway.serves(model),
    isExtractive: () => false,
    whole: async (body, signal, tenant) =>
      exchanged(body, {}, signal, tenant, async (answer) => readWhole(answer, body.model, signal)),
    async *chunks(body, signal, tenant) {
      const stream = { stream: true, stream_options: { include_usage: true } };
      const { first, chunks } = await exchanged(body, stream, signal, tenant, async (answer) => {
        const chunks = readChunks(answer, body.model, signal);
        return { first: await chunks.next(), chunks };
      });
      try {
        if (!first.done) yield first.value;
        yield* chunks;
      } finally {
        await chunks.return();
      }
    },
  };
}

const acceptOf = (stream: object): string => ('stream' in stream ? 'text/event-stream' : 'application/json');
