/** Responses, items and events as callers see them: some of it only where they ask for it by `include`, and in the form of their version. Pure. */
import type { Includable, OutputItem, ResponseAnnotation, ResponseItem } from '../wire/responseItems';
import type { ResponseObject } from '../wire/responses';
import { datedCodeEvent } from './datedEvents';
import type { ResponseEvent } from './responseEvents';

/** What a caller asked for, and how files of the scope are addressed for him. */
export interface View {
  include: readonly Includable[];
  /** The URL of the content of a file that code wrote. */
  fileUrl: (containerId: string, fileId: string) => string;
  /** Azure's version by date (components.md sections 11 and 12), whose names differ here and there from those of openai-2026-08. */
  isDated: boolean;
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
    case 'message':
      return view.isDated ? { ...item, content: item.content.map(datedPart) } : item;
    // Dated versions have thoughts in this form only.
    case 'reasoning': {
      const content = (item.content ?? []).map((part) => ({ ...part, type: 'reasoning_summary' }));
      return view.isDated ? { ...item, content } : item;
    }
    default:
      return item;
  }
}

export function shownItem(item: ResponseItem, view: View): ResponseItem {
  if (item.type === 'message') {
    if (item.role === 'assistant') return view.isDated ? { ...item, content: item.content.map(datedPart) } : item;
    // Images may be large; who wants them says so.
    const isWanted = view.include.includes('message.input_image.image_url');
    const content = item.content.map((part) =>
      part.type === 'input_image' && !isWanted && part.image_url?.startsWith('data:')
        ? { ...part, image_url: null }
        : part,
    );
    return { ...item, content };
  }
  const isOutput =
    item.type === 'file_search_call' || item.type === 'code_interpreter_call' || item.type === 'reasoning';
  return isOutput ? shownOutput(item, view) : item;
}

/** An event of the response `responseId` as it goes out. */
export function shownEvent(event: ResponseEvent, view: View, responseId: string): ResponseEvent {
  const { execution, ...rest } = event;
  const { item, part, annotation } = rest;
  const shown: ResponseEvent = {
    ...(execution && view.isDated ? datedCodeEvent({ ...rest, execution }, responseId) : rest),
    ...(item && { item: shownOutput(item, view) }),
  };
  if (!view.isDated) return shown;
  return {
    ...shown,
    ...(isPart(part) && { part: datedPart(part) }),
    ...(isAnnotation(annotation) && { annotation: datedAnnotation(annotation) }),
  };
}

type Part = Extract<OutputItem, { type: 'message' }>['content'][number];

const isTyped = (value: unknown): value is { type: unknown } =>
  typeof value === 'object' && value !== null && 'type' in value;
const isPart = (value: unknown): value is Part => isTyped(value) && value.type === 'output_text';
const isAnnotation = (value: unknown): value is ResponseAnnotation =>
  isTyped(value) && value.type === 'container_file_citation';

const datedPart = (part: Part): Part =>
  part.type === 'output_text' ? { ...part, annotations: part.annotations.map(datedAnnotation) } : part;

/** Dated versions know no containers: what code wrote is a file's path. */
const datedAnnotation = (annotation: ResponseAnnotation): ResponseAnnotation =>
  annotation.type === 'container_file_citation'
    ? { type: 'file_path', file_id: annotation.file_id, index: annotation.start_index }
    : annotation;

/** The text of all messages, as SDKs put it together; connectors read it from here. */
export const outputText = ({ output }: ResponseObject): string =>
  output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => (part.type === 'output_text' ? part.text : ''))
    .join('');
