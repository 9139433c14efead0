/** What of a conversation the model is given: all that fits, else the first message and the newest. */
import { countTokens, messageWeight, mostTokens, toolsWeight } from '../models/promptTokens';
import type { ChatMessage, FunctionTool } from '../models/ports';

/** What an answer is left of the context window where nothing limits it, and its largest share of the window. */
const USUAL_ANSWER = 4_096;
const ANSWER_SHARE = 0.5;

/** What a prompt is made of, in the order in which the model reads it. */
export interface PromptParts {
  model: string;
  instructions: ChatMessage[];
  /** What was said before the run or response, oldest first. */
  history: ChatMessage[];
  /** What the run or response did so far. */
  steps: ChatMessage[];
  tools: FunctionTool[];
}

/** Tokens for the model's next prompt. */
export interface PromptRoom {
  /** What the context window leaves beside an answer. */
  window: number;
  /** What is left of the run's `max_prompt_tokens`; undefined: it has none. */
  ofRun?: number;
}

/** The tokens that the context window leaves beside an answer, which may be `answer` tokens long at most. */
export const windowRoom = (window: number, answer: number | undefined): number =>
  Math.floor(window - Math.min(answer ?? USUAL_ANSWER, window * ANSWER_SHARE));

/**
 * The parts with as much of the history as there is room for: messages in the middle are left out, the newest never. Undefined where even the least prompt takes
 * more than the run may still use; one that only the window seems too small for is left to the service to judge.
 */
export async function truncated(parts: PromptParts, room: PromptRoom): Promise<PromptParts | undefined> {
  const { model, instructions, history, steps, tools } = parts;
  const most = Math.min(room.window, room.ofRun ?? Infinity);
  const weights = [toolsWeight(tools), ...[...instructions, ...history, ...steps].map(messageWeight)];
  if (weights.reduce((sum, weight) => sum + mostTokens(weight), 0) <= most) return parts;

  let left = most;
  left -= await countTokens(model, toolsWeight(tools));
  for (const message of [...instructions, ...steps, ...history.slice(-1)]) left -= await tokensOf(model, message);
  if (left < 0 && room.ofRun !== undefined && most === room.ofRun) return undefined;

  // Room for the first message is kept while the newest are taken, one after the other.
  const first = history.length > 1 && history[0] ? await tokensOf(model, history[0]) : Infinity;
  const keepsFirst = first <= left;
  if (keepsFirst) left -= first;
  const kept: ChatMessage[] = history.slice(-1);
  for (let index = history.length - 2; index >= (keepsFirst ? 1 : 0); index -= 1) {
    const message = history[index];
    left -= message ? await tokensOf(model, message) : 0;
    if (!message || left < 0) break;
    kept.unshift(message);
  }
  return { ...parts, history: keepsFirst ? [...history.slice(0, 1), ...kept] : kept };
}

/** Counted once a message: the turns of a run share them. */
const counted = new WeakMap<ChatMessage, number>();

async function tokensOf(model: string, message: ChatMessage): Promise<number> {
  const tokens = counted.get(message) ?? (await countTokens(model, messageWeight(message)));
  counted.set(message, tokens);
  return tokens;
}
