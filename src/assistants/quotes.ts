/** Quotes of citations, which the older form has in messages and today's only in events. */
import { bestQuote } from '../agentLoop/bestQuote';
import type { FoundPassage } from '../agentLoop/ports';
import type { Scope } from '../scope';
import type { Records } from '../storage/ports';
import type { MessageContent, MessageObject } from '../wire/threads';
import { MAX_STEPS } from './runWork';
import { stepsList, threadPartition, type StepRecord } from './threadRecords';
import { passagesOf } from './toolResults';

/**
 * The messages with a quote in each citation, from what their runs found; empty where that is not known any more. What a run found is read once for messages that follow
 * each other, and that of one run after that of another: it may be large.
 */
export async function withQuotes(records: Records, scope: Scope, messages: MessageObject[]): Promise<MessageObject[]> {
  const quoted: MessageObject[] = [];
  let found: { runId: string; passages: ReadonlyMap<string, FoundPassage> } | undefined;
  for (const message of messages) {
    const { run_id: runId, thread_id: threadId, content } = message;
    if (runId === null || !content.some(hasCitations)) {
      quoted.push(message);
      continue;
    }
    if (found?.runId !== runId) found = { runId, passages: await readPassages(records, scope, threadId, runId) };
    quoted.push(quotedFrom(found.passages, message));
  }
  return quoted;
}

async function readPassages(
  records: Records,
  scope: Scope,
  threadId: string,
  runId: string,
): Promise<ReadonlyMap<string, FoundPassage>> {
  const page = { order: 'asc', limit: MAX_STEPS } as const;
  const steps = await records.list<StepRecord>(threadPartition(scope, threadId), stepsList(runId), page);
  return passagesOf(steps.records.map(({ value }) => value));
}

const quotedFrom = (passages: ReadonlyMap<string, FoundPassage>, message: MessageObject): MessageObject => ({
  ...message,
  content: message.content.map((part) => {
    if (part.type !== 'text') return part;
    let since = 0;
    const annotations = part.text.annotations.map((annotation) => {
      if (annotation.type !== 'file_citation') return annotation;
      const said = part.text.value.slice(since, annotation.start_index);
      since = annotation.end_index;
      const passage = passages.get(annotation.text);
      const quote = passage ? bestQuote(passage.text, said) : '';
      return { ...annotation, file_citation: { ...annotation.file_citation, quote } };
    });
    return { ...part, text: { ...part.text, annotations } };
  }),
});

const hasCitations = (part: MessageContent): boolean =>
  part.type === 'text' && part.text.annotations.some(({ type }) => type === 'file_citation');
