/** What a run said as a text with numbered citations. Pure. */
import { CitedText, type Citation, type CitedAnswer, type Mark } from '../agentLoop/citedAnswer';
import { errors } from '../errors';
import type { Annotation, MessageObject, RunObject } from '../wire/threads';

/** @param messages Those of the run, the oldest first, with quotes where those are known. Throws 502 for a run that failed, was cancelled or expired. */
export function citedMessages(run: RunObject, messages: readonly MessageObject[]): CitedAnswer {
  const { status, last_error, required_action } = run;
  if (status !== 'completed' && status !== 'incomplete' && status !== 'requires_action')
    throw errors.noAnswer(last_error?.message ?? `Its run is ${status}.`);
  const cited = new CitedText();
  for (const part of messages.flatMap(({ content }) => content)) {
    if (cited.text && (part.type === 'text' || part.type === 'refusal')) cited.add('\n\n', []);
    if (part.type === 'refusal') cited.add(part.refusal, []);
    else if (part.type === 'text') cited.add(part.text.value, part.text.annotations.map(markOf));
    else if (part.type === 'image_file') {
      const { file_id } = part.image_file;
      cited.add('', [{ citation: { title: file_id, file_id } }]);
    }
  }
  const waitsFor = required_action?.submit_tool_outputs.tool_calls.map((call) => call.function.name) ?? [];
  const { text, citations } = cited;
  return { status, text, citations, waitsFor };
}

function markOf(annotation: Annotation): Mark {
  const { start_index: start, end_index: end, text } = annotation;
  // Files that the run's code wrote stand in the text as links.
  if (annotation.type === 'file_path') {
    const { file_id } = annotation.file_path;
    return { citation: { title: text.slice(text.lastIndexOf('/') + 1) || file_id, file_id } };
  }
  const { file_citation } = annotation;
  const { file_id } = file_citation;
  const title = /†([^】]+)】$/.exec(text)?.[1] ?? file_id;
  const citation: Citation = { title, file_id, quote: quoteOf(file_citation) };
  return { place: { start, end }, citation };
}

/** `withQuotes` puts one beside the file's id, which today's form does not have. */
const quoteOf = (citation: object): string | undefined =>
  'quote' in citation && typeof citation.quote === 'string' && citation.quote ? citation.quote : undefined;
