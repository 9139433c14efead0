/** Quotes of citations, which the older form has in messages and today's only in events. */
import { bestQuote } from '../agentLoop/bestQuote';
import type { Scope } from '../scope';
import type { Records } from '../storage/ports';
import type { MessageContent, MessageObject } from '../wire/threads';
import { MAX_STEPS } from './runWork';
import { stepsList, threadPartition, type StepRecord } from './threadRecords';
import { passagesOf } from './toolResults';

/** The message with a quote in each citation, from what its run found; empty where that is not known any more. */
export async function withQuotes(records: Records, scope: Scope, message: MessageObject): Promise<MessageObject> {
  const { run_id: runId, thread_id, content } = message;
  if (runId === null || !content.some(hasCitations)) return message;
  const partition = threadPartition(scope, thread_id);
  const steps = await records.list<StepRecord>(partition, stepsList(runId), { order: 'asc', limit: MAX_STEPS });
  const passages = passagesOf(steps.records.map(({ value }) => value));
  return {
    ...message,
    content: content.map((part) => {
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
  };
}

const hasCitations = (part: MessageContent): boolean =>
  part.type === 'text' && part.text.annotations.some(({ type }) => type === 'file_citation');
