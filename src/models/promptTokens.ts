/** How many tokens a prompt takes, and how many its model has room for. */
import { tokenCounter } from '../tokenCounter';
import { readCall, ModelError, type ChatMessage, type ChatRequest, type ChatTool, type Usage } from './ports';

/** A service that tells of a smaller one has another fault. */
const SMALLEST_WINDOW = 1_000;
/** Of models that are not in the table, such as deployments with names of their own. */
const USUAL_WINDOW = 128_000;

/** Context windows in tokens by the beginning of the model's name, prompt and answer together; the first that fits counts. */
const WINDOWS: [RegExp, number][] = [
  [/^gpt-?4\.1/, 1_047_576],
  [/^gpt-?5/, 400_000],
  [/^o(?:1-(?:mini|preview))/, 128_000],
  [/^o[134]\b/, 200_000],
  [/^gpt-?4-(?:turbo|1106|0125|vision)/, 128_000],
  [/^gpt-?4-32k/, 32_768],
  [/^gpt-?4(?:-(?:0314|0613))?$/, 8_192],
  [/^gpt-?3\.?5-turbo(?:-(?:16k|1106|0125))?/, 16_385],
];

/** The context window of the model in tokens: a guess by its name, which deployments may choose freely. */
export const contextWindow = (model: string): number =>
  WINDOWS.find(([name]) => name.test(model.toLowerCase()))?.[1] ?? USUAL_WINDOW;

const WINDOW_TOLD = /maximum context length (?:is|of) ([\d,]+)/i;

/** Whether the service refused a prompt that is too long for it. Local servers have the words without the code. */
export const isTooLong = (error: unknown): error is ModelError =>
  error instanceof ModelError &&
  error.kind === 'invalid_request' &&
  (error.code === 'context_length_exceeded' || WINDOW_TOLD.test(error.message));

/**
 * The context window, in tokens, that the service tells of in an error about a prompt too long for it; three quarters of what was tried where it names none. Undefined for
 * any other error, and where the window would not become smaller.
 */
export function smallerWindow(error: unknown, tried: number): number | undefined {
  if (!isTooLong(error)) return undefined;
  const told = Number(WINDOW_TOLD.exec(error.message)?.[1]?.replaceAll(',', ''));
  const window = told > 0 && told < tried ? told : Math.floor(tried * 0.75);
  return window >= SMALLEST_WINDOW ? window : undefined;
}

/** What the service adds to each message, and what begins the answer. */
export const PER_MESSAGE = 4;
export const PER_PROMPT = 3;
/** An image in high detail takes about this; in low detail `LOW_DETAIL`. */
export const PER_IMAGE = 1_105;
export const LOW_DETAIL = 85;
/** Tokenizers take quadratic time for long words. */
const SLICE = 2_000;
/** Longest stretch of work between two turns of the event loop, in milliseconds. */
const TURN_MS = 20;

interface Weight {
  texts: string[];
  /** Tokens beside the texts. */
  more: number;
}

/** A bound of the prompt's tokens that costs nothing: no token is less than a byte. */
export const mostTokens = (weight: Weight): number =>
  weight.texts.reduce((sum, text) => sum + Buffer.byteLength(text), weight.more);

/** What of the message takes tokens. */
export function messageWeight(message: ChatMessage): Weight {
  if (typeof message.content === 'string' || message.content === null) {
    const calls = message.role === 'assistant' ? (message.tool_calls ?? []) : [];
    const texts = calls.map(readCall).flatMap(({ name, written }) => [name, written]);
    return { texts: [message.content ?? '', ...texts], more: PER_MESSAGE + calls.length * PER_MESSAGE };
  }
  const images = message.content.flatMap((part) => (part.type === 'image_url' ? [part.image_url.detail] : []));
  return {
    texts: message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])),
    more: images.reduce((sum, detail) => sum + (detail === 'low' ? LOW_DETAIL : PER_IMAGE), PER_MESSAGE),
  };
}

/** What of the tools takes tokens: services write them out in some form close to JSON. */
export const toolsWeight = (tools: ChatTool[]): Weight => ({
  texts:
    tools.length > 0
      ? [JSON.stringify(tools.map((tool) => (tool.type === 'function' ? tool.function : tool.custom)))]
      : [],
  more: PER_PROMPT,
});

/** Counts tokens as the model does, in stretches that let the event loop turn. */
export async function countTokens(model: string, { texts, more }: Weight): Promise<number> {
  const count = await counterOf(model);
  let sum = more;
  let turnEnds = performance.now() + TURN_MS;
  for (const text of texts) {
    for (let start = 0; start < text.length; start += SLICE) {
      sum += count(text.slice(start, start + SLICE));
      if (performance.now() <= turnEnds) continue;
      await new Promise((resolve) => setImmediate(resolve));
      turnEnds = performance.now() + TURN_MS;
    }
  }
  return sum;
}

/** What a call of the model took, as far as one can count it from outside. */
export async function estimatedUsage({ model, messages, tools = [] }: ChatRequest, written: string): Promise<Usage> {
  const weights = [toolsWeight(tools), ...messages.map(messageWeight)];
  const prompt: Weight = {
    texts: weights.flatMap(({ texts }) => texts),
    more: weights.reduce((sum, { more }) => sum + more, 0),
  };
  const prompt_tokens = await countTokens(model, prompt);
  const completion_tokens = await countTokens(model, { texts: [written], more: 0 });
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

const counterOf = async (model: string): Promise<(text: string) => number> =>
  tokenCounter(/^(?:text-embedding-|gpt-?(?:4(?:-|$)|3\.?5))/.test(model.toLowerCase()) ? 'cl100k_base' : 'o200k_base');
