/** A response as a text with numbered citations. Pure. */
import { bestQuote } from '../agentLoop/bestQuote';
import { CitedText, type CitedAnswer, type Mark } from '../agentLoop/citedAnswer';
import { errors } from '../errors';
import type { OutputItem, OutputText } from '../wire/responseItems';
import type { ResponseObject } from '../wire/responses';
import { isCallersCall } from './callKinds';

/** @param response Whole, with the results of its searches. Throws 502 for one that failed or was cancelled. */
export function citedResponse({ status, error, output }: ResponseObject): CitedAnswer {
  if (status !== 'completed' && status !== 'incomplete')
    throw errors.noAnswer(error?.message ?? `Its response is ${status}.`);
  const cited = new CitedText();
  const passages = passagesOf(output);
  const parts = output.flatMap((item) => (item.type === 'message' ? item.content : []));
  for (const part of parts) {
    if (part.type === 'refusal') cited.add(part.refusal, []);
    else cited.add(part.text, marksOf(part, passages));
  }
  const waitsFor = output.filter(isCallersCall).map(({ name }) => name);
  const { text, citations } = cited;
  return { status: waitsFor.length > 0 ? 'requires_action' : status, text, citations, waitsFor };
}

/** What was found in each file. */
function passagesOf(output: OutputItem[]): ReadonlyMap<string, string> {
  const passages = new Map<string, string>();
  for (const item of output) {
    if (item.type !== 'file_search_call') continue;
    for (const { file_id, text } of item.results ?? [])
      passages.set(file_id, [passages.get(file_id), text].filter(Boolean).join('\n'));
  }
  return passages;
}

function marksOf({ text, annotations }: OutputText, passages: ReadonlyMap<string, string>): Mark[] {
  let since = 0;
  return annotations.map((annotation): Mark => {
    switch (annotation.type) {
      case 'file_citation': {
        const { file_id, filename, index } = annotation;
        const passage = passages.get(file_id);
        const quote = passage ? bestQuote(passage, text.slice(since, index)) : undefined;
        since = index;
        return { place: { start: index, end: index }, citation: { title: filename || file_id, file_id, quote } };
      }
      case 'url_citation': {
        const { title, url, end_index: end } = annotation;
        return { place: { start: end, end }, citation: { title: title || url, url } };
      }
      // Files that the agent's code wrote stand in the text as links.
      case 'container_file_citation':
        return { citation: { title: annotation.filename ?? annotation.file_id, file_id: annotation.file_id } };
      default:
        return { citation: { title: annotation.file_id, file_id: annotation.file_id } };
    }
  });
}
