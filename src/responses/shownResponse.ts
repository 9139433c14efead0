/** Responses and items as callers see them: some of it only where they ask for it by `include`. Pure. */
import type { Includable, OutputItem, ResponseItem } from '../wire/responseItems';
import type { ResponseObject } from '../wire/responses';

/** What a caller asked for, and how files of the scope are addressed for him. */
export interface View {
  include: readonly Includable[];
  /** The URL of the content of a file that code wrote. */
  fileUrl: (containerId: string, fileId: string) => string;
}

export function shownResponse(response: ResponseObject, view: View): ResponseObject {
  const output = response.output.map((item) => shownOutput(item, view));
  return { ...response, output };
}

export function shownOutput(item: OutputItem, view: View): OutputItem {
  switch (item.type) {
    case 'file_search_call':
      return view.include.includes('file_search_call.results') ? item : { ...item, results: null };
    case 'code_interpreter_call': {
      const isWanted = view.include.includes('code_interpreter_call.outputs');
      const outputs = (item.outputs ?? []).map((output) =>
        output.type === 'image' ? { ...output, url: view.fileUrl(item.container_id, output.url) } : output,
      );
      return { ...item, outputs: isWanted ? outputs : null };
    }
    default:
      return item;
  }
}

export function shownItem(item: ResponseItem, view: View): ResponseItem {
  if (item.type === 'message' && item.role !== 'assistant') {
    // Images may be large; who wants them says so.
    const isWanted = view.include.includes('message.input_image.image_url');
    const content = item.content.map((part) =>
      part.type === 'input_image' && !isWanted && part.image_url?.startsWith('data:')
        ? { ...part, image_url: null }
        : part,
    );
    return { ...item, content };
  }
  return item.type === 'file_search_call' || item.type === 'code_interpreter_call' ? shownOutput(item, view) : item;
}

/** The text of all messages, as SDKs put it together; connectors read it from here. */
export const outputText = ({ output }: ResponseObject): string =>
  output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => (part.type === 'output_text' ? part.text : ''))
    .join('');
