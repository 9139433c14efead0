/** Where the events of a run go while it is driven (components.md section 10). */
import type { FileCitation, MessageObject, StepToolCall } from '../wire/threads';
import type { Piece } from './citations';

/** Takes one event of the stream; resolves when the next may come. */
export type RunSink = (event: string, data: unknown) => Promise<void>;

/** Nobody listens. */
export const silentSink: RunSink = () => Promise.resolve();

/** `thread.message.delta` for a piece of text. */
export function messageDelta(message: MessageObject, piece: Piece, annotationIndex: number): object {
  const annotations = piece.annotation ? [citationDelta(piece.annotation, annotationIndex, piece.quote)] : [];
  return {
    id: message.id,
    object: 'thread.message.delta',
    delta: { content: [{ index: 0, type: 'text', text: { value: piece.text, annotations } }] },
  };
}

const citationDelta = (annotation: FileCitation, index: number, quote: string | undefined): object => ({
  ...annotation,
  index,
  file_citation: { ...annotation.file_citation, quote },
});

/** `thread.run.step.delta` for a tool call that begins. */
export function toolCallBegun(stepId: string, index: number, call: StepToolCall): object {
  const begun = call.type === 'function' ? call : { ...call, file_search: {} };
  return stepDelta(stepId, { index, ...begun });
}

/** `thread.run.step.delta` for a piece of a function's arguments. */
export const argumentsDelta = (stepId: string, index: number, text: string): object =>
  stepDelta(stepId, { index, type: 'function', function: { arguments: text } });

const stepDelta = (id: string, call: object): object => ({
  id,
  object: 'thread.run.step.delta',
  delta: { step_details: { type: 'tool_calls', tool_calls: [call] } },
});
