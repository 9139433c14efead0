/** Which messages of the thread the model is given: all that fit, else the first and the newest (`truncation_strategy`). */
import type { ChatMessage } from '../models/ports';
import type { Records } from '../storage/ports';
import type { MessageObject, RunObject } from '../wire/threads';
import { contextWindow, countTokens, messageWeight, mostTokens, toolsWeight } from './promptTokens';
import type { PromptParts } from './chatRequest';
import { MESSAGES } from './threadRecords';

const PAGE = 50;
/** Of a longer thread only the first message and the newest ones are looked at. */
const MAX_MESSAGES = 2_000;
/** Text with more bytes a token than this is rare. */
const BYTES_PER_TOKEN = 8;
/** What an answer is left of the context window where the run sets no limit, and its largest share of the window. */
const USUAL_ANSWER = 4_096;
const ANSWER_SHARE = 0.5;

/**
 * The thread's messages before the run, oldest first: as many of the newest as the run's strategy and the model's window can use, and with `auto` the very first
 * one. The costs are those of what is read, however long the thread.
 */
export async function readHistory(records: Records, partition: string, run: RunObject): Promise<MessageObject[]> {
  const { type, last_messages: last } = run.truncation_strategy;
  const most = type === 'last_messages' ? Math.min(last ?? MAX_MESSAGES, MAX_MESSAGES) : MAX_MESSAGES;
  let bytes = contextWindow(run.model) * BYTES_PER_TOKEN;
  const newestFirst: MessageObject[] = [];
  let after: string | undefined;
  let isOver = false;
  const isFull = () => newestFirst.length >= most || bytes <= 0;
  while (!isOver && !isFull()) {
    const page = await records.list<MessageObject>(partition, MESSAGES, { order: 'desc', limit: PAGE, after });
    for (const { value } of page.records) {
      if (value.run_id === run.id || isFull()) continue;
      newestFirst.push(value);
      for (const part of value.content) bytes -= part.type === 'text' ? Buffer.byteLength(part.text.value) : 0;
    }
    after = page.records.at(-1)?.id;
    isOver = !page.hasMore || after === undefined;
  }
  if (isFull() && type === 'auto') {
    const [first] = (await records.list<MessageObject>(partition, MESSAGES, { order: 'asc', limit: 1 })).records;
    if (first && newestFirst.at(-1)?.id !== first.id) newestFirst.push(first.value);
  }
  return newestFirst.reverse();
}

/** Tokens for the model's next prompt. */
export interface PromptRoom {
  /** What the context window leaves beside an answer. */
  window: number;
  /** What is left of the run's `max_prompt_tokens`; undefined: it has none. */
  ofRun?: number;
}

/** The room for a prompt of the run, of which `used` prompt tokens are spent and `answer` completion tokens may still come. */
export function promptRoom(run: RunObject, window: number, used: number, answer: number | undefined): PromptRoom {
  const kept = Math.min(answer ?? USUAL_ANSWER, window * ANSWER_SHARE);
  return {
    window: Math.floor(window - kept),
    ofRun: run.max_prompt_tokens === null ? undefined : run.max_prompt_tokens - used,
  };
}

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
