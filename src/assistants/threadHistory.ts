/** Which messages of the thread a run reads, and the room that it has for them (`truncation_strategy`). */
import { windowRoom, type PromptRoom } from '../agentLoop/truncation';
import { contextWindow } from '../models/promptTokens';
import type { Records } from '../storage/ports';
import type { MessageObject, RunObject } from '../wire/threads';
import { MESSAGES } from './threadRecords';

const PAGE = 50;
/** Of a longer thread only the first message and the newest ones are looked at. */
const MAX_MESSAGES = 2_000;
/** Text with more bytes a token than this is rare. */
const BYTES_PER_TOKEN = 8;
/**
 * The thread's messages before the run, oldest first: as many of the newest as the run's strategy and the model's window can use, and with `auto` the very first
 * one. Each is kept as `shown` makes it, which is called for the newest first. The costs are those of what is read, however long the thread.
 */
export async function readHistory(
  records: Records,
  partition: string,
  run: RunObject,
  shown: (message: MessageObject) => Promise<MessageObject>,
): Promise<MessageObject[]> {
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
      newestFirst.push(await shown(value));
      for (const part of value.content) bytes -= part.type === 'text' ? Buffer.byteLength(part.text.value) : 0;
    }
    after = page.records.at(-1)?.id;
    isOver = !page.hasMore || after === undefined;
  }
  if (isFull() && type === 'auto') {
    const [first] = (await records.list<MessageObject>(partition, MESSAGES, { order: 'asc', limit: 1 })).records;
    if (first && newestFirst.at(-1)?.id !== first.id) newestFirst.push(await shown(first.value));
  }
  return newestFirst.reverse();
}

/** The room for a prompt of the run, of which `used` prompt tokens are spent and `answer` completion tokens may still come. */
export const promptRoom = (run: RunObject, window: number, used: number, answer: number | undefined): PromptRoom => ({
  window: windowRoom(window, answer),
  ofRun: run.max_prompt_tokens === null ? undefined : run.max_prompt_tokens - used,
});
