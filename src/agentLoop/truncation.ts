/** What of a conversation the model is given: all that fits, else the first message and the newest. */
import { countTokens, messageWeight, mostTokens, toolsWeight } from '../models/promptTokens';
import type { ChatMessage, ChatTool } from '../models/ports';

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
  tools: ChatTool[];
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
 * The parts with as much of the history as there is room for: messages in the middle are left out, the newest never, and calls of tools only with what they gave. Undefined where even the least prompt takes
 * more than the run may still use; one that only the window seems too small for is left to the service to judge.
 */
export async function truncated(parts: PromptParts, room: PromptRoom): Promise<PromptParts | undefined> {
  const { model, instructions, history, steps, tools } = parts;
  const most = Math.min(room.window, room.ofRun ?? Infinity);
  const weights = [toolsWeight(tools), ...[...instructions, ...history, ...steps].map(messageWeight)];
  if (weights.reduce((sum, weight) => sum + mostTokens(weight), 0) <= most) return parts;

  let left = most;
  left -= await countTokens(model, toolsWeight(tools));
  const groups = groupsOf(history);
  const newest = groups.slice(-1);
  for (const group of [instructions, steps, ...newest]) left -= await tokensOf(model, group);
  if (left < 0 && room.ofRun !== undefined && most === room.ofRun) return undefined;

  // Room for the first message is kept while the newest are taken, one after the other.
  const first = groups.length > 1 && groups[0] ? await tokensOf(model, groups[0]) : Infinity;
  const keepsFirst = first <= left;
  if (keepsFirst) left -= first;
  const kept = newest;
  for (let index = groups.length - 2; index >= (keepsFirst ? 1 : 0); index -= 1) {
    const group = groups[index];
    left -= group ? await tokensOf(model, group) : 0;
    if (!group || left < 0) break;
    kept.unshift(group);
  }
  return { ...parts, history: [...(keepsFirst ? groups.slice(0, 1) : []), ...kept].flat() };
}

/** Calls of tools with what they gave, which services take together only; every other message by itself. */
function groupsOf(history: ChatMessage[]): ChatMessage[][] {
  const groups: ChatMessage[][] = [];
  for (const message of history) {
    const last = groups.at(-1);
    if (message.role === 'tool' && last) last.push(message);
    else groups.push([message]);
  }
  return groups;
}

/** Counted once a message: the turns of a run share them. */
const counted = new WeakMap<ChatMessage, number>();

async function tokensOf(model: string, messages: ChatMessage[]): Promise<number> {
  let sum = 0;
  for (const message of messages) {
    const tokens = counted.get(message) ?? (await countTokens(model, messageWeight(message)));
    counted.set(message, tokens);
    sum += tokens;
  }
  return sum;
}
