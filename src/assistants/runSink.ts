/** Where the events of a run go while it is driven (components.md section 10). */
import type { Piece } from '../agentLoop/citations';
import type { Annotation, CodeOutput, MessageObject, StepToolCall } from '../wire/threads';

/** Takes one event of the stream; resolves when the next may come. */
export type RunSink = (event: string, data: unknown) => Promise<void>;

/** `runStepDeltaObject` of tool calls. */
export interface StepDelta {
  id: string;
  object: 'thread.run.step.delta';
  delta: { step_details: { type: 'tool_calls'; tool_calls: object[] } };
}

/** Nobody listens. */
export const silentSink: RunSink = () => Promise.resolve();

/** `thread.message.delta` for a piece of text, which is the message's part number `index`. */
export function textDelta(message: MessageObject, index: number, piece: Piece, annotationIndex: number): object {
  const annotations = piece.annotation ? [annotationDelta(piece.annotation, annotationIndex, piece.quote)] : [];
  return messageDelta(message, { index, type: 'text', text: { value: piece.text, annotations } });
}

/** `thread.message.delta` for a piece of a refusal, which is the message's part number `index`. */
export const refusalDelta = (message: MessageObject, index: number, { text }: Piece): object =>
  messageDelta(message, { index, type: 'refusal', refusal: text });

/** `thread.message.delta` for an image, which is the message's part number `index`. */
export const imageDelta = (message: MessageObject, index: number, fileId: string): object =>
  messageDelta(message, { index, type: 'image_file', image_file: { file_id: fileId } });

const messageDelta = ({ id }: MessageObject, part: object): object => ({
  id,
  object: 'thread.message.delta',
  delta: { content: [part] },
});

const annotationDelta = (annotation: Annotation, index: number, quote: string | undefined): object => ({
  ...annotation,
  index,
  ...(annotation.type === 'file_citation' && { file_citation: { ...annotation.file_citation, quote } }),
});

/** `thread.run.step.delta` for a tool call that begins. */
export function toolCallBegun(stepId: string, index: number, call: StepToolCall): StepDelta {
  const begun = call.type === 'file_search' ? { ...call, file_search: {} } : call;
  return stepDelta(stepId, { index, ...begun });
}

/** `thread.run.step.delta` for a piece of a function's arguments. */
export const argumentsDelta = (stepId: string, index: number, text: string): StepDelta =>
  stepDelta(stepId, { index, type: 'function', function: { arguments: text } });

/** `thread.run.step.delta` for a piece of code. */
export const codeDelta = (stepId: string, index: number, input: string): StepDelta =>
  stepDelta(stepId, { index, type: 'code_interpreter', code_interpreter: { input } });

/** `thread.run.step.delta` for what code put out. */
export const outputsDelta = (stepId: string, index: number, outputs: CodeOutput[]): StepDelta =>
  stepDelta(stepId, {
    index,
    type: 'code_interpreter',
    code_interpreter: { outputs: outputs.map((output, place) => ({ index: place, ...output })) },
  });

const stepDelta = (id: string, call: object): StepDelta => ({
  id,
  object: 'thread.run.step.delta',
  delta: { step_details: { type: 'tool_calls', tool_calls: [call] } },
});
