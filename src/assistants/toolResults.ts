/** What the server's tools brought in a run so far: for the model, and for the links and citations of its answer. Pure. */
import type { FoundPassage } from '../agentLoop/ports';
import { addLinks, codeOutput, searchOutput, withMarkers, type WrittenFile } from '../agentLoop/toolOutputs';
import type { MessageObject, StepToolCall } from '../wire/threads';
import type { StepRecord } from './threadRecords';

type CallOf<T extends StepToolCall['type']> = Extract<StepToolCall, { type: T }>;

/** What a run has found so far, by marker. */
export function passagesOf(steps: StepRecord[]): Map<string, FoundPassage> {
  const calls = steps.flatMap(callsOf).filter((call) => call.type === 'file_search');
  return new Map(calls.flatMap((call, search) => markedPassages(call, search)));
}

/** The files that links may name, by link: those that the thread's messages link to, and those that the run's code wrote, the newest of a path. */
export function linkedFiles(history: MessageObject[], steps: StepRecord[]): Map<string, string> {
  const links = new Map<string, string>();
  for (const part of history.flatMap(({ content }) => content)) {
    for (const annotation of part.type === 'text' ? part.text.annotations : [])
      if (annotation.type === 'file_path') links.set(annotation.text, annotation.file_path.file_id);
  }
  for (const { files } of steps) addLinks(links, Object.values(files ?? {}).flat());
  return links;
}

/** Images that code made since the run's last message, which its next message shows. */
export function newImages(steps: StepRecord[]): string[] {
  const lastMessage = steps.findLastIndex(({ step }) => step.type === 'message_creation');
  const outputs = steps
    .slice(lastMessage + 1)
    .flatMap(callsOf)
    .flatMap((call) => (call.type === 'code_interpreter' ? call.code_interpreter.outputs : []));
  return outputs.flatMap((output) => (output.type === 'image' ? [output.image.file_id] : []));
}

/** What the model is told of a search, the run's number `search` from 0. */
export const searchResults = (call: CallOf<'file_search'>, search: number): string =>
  searchOutput(markedPassages(call, search));

/** What the model is told of code that ran. */
export function codeResult(call: CallOf<'code_interpreter'>, files: WrittenFile[]): string {
  const { outputs } = call.code_interpreter;
  return codeOutput({
    logs: outputs.flatMap((output) => (output.type === 'logs' ? [output.logs] : [])),
    imageIds: outputs.flatMap((output) => (output.type === 'image' ? [output.image.file_id] : [])),
    files,
  });
}

const callsOf = ({ step }: StepRecord): StepToolCall[] =>
  step.step_details.type === 'tool_calls' ? step.step_details.tool_calls : [];

const markedPassages = (call: CallOf<'file_search'>, search: number): [string, FoundPassage][] =>
  withMarkers(
    call.file_search.results.map((result) => ({
      fileId: result.file_id,
      filename: result.file_name,
      score: result.score,
      text: result.content?.map(({ text }) => text).join('\n') ?? '',
      attributes: {},
    })),
    search,
  );
