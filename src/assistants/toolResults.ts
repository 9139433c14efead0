/** What the server's tools brought in a run so far: for the model, and for the links and citations of its answer. Pure. */
import type { MessageObject, StepToolCall } from '../wire/threads';
import { markerOf } from './citations';
import type { FoundPassage } from './ports';
import type { StepRecord, WrittenFile } from './threadRecords';

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
  for (const { path, fileId } of steps.flatMap(({ files }) => Object.values(files ?? {}).flat())) {
    links.set(linkOf(path), fileId);
    links.set(encodeURI(linkOf(path)), fileId);
  }
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
export function searchResults(call: CallOf<'file_search'>, search: number): string {
  const results = markedPassages(call, search).map(([marker, { filename, score, text }]) => ({
    marker,
    filename,
    score,
    text,
  }));
  return JSON.stringify({ results });
}

/** What the model is told of code that ran. */
export function codeResult(call: CallOf<'code_interpreter'>, files: WrittenFile[]): string {
  const { outputs } = call.code_interpreter;
  const logs = outputs.flatMap((output) => (output.type === 'logs' ? [output.logs] : []));
  const images = new Set(outputs.flatMap((output) => (output.type === 'image' ? [output.image.file_id] : [])));
  const written = files.filter(({ fileId }) => !images.has(fileId)).map(({ path }) => linkOf(path));
  return [
    ...logs,
    ...(images.size > 0 ? [`Images that the user is shown with your next message: ${images.size}`] : []),
    ...(written.length > 0 ? [`Files written: ${written.join(', ')}`] : []),
    ...(outputs.length === 0 && written.length === 0 ? ['The code printed nothing.'] : []),
  ].join('\n');
}

const linkOf = (path: string): string => `sandbox:${path}`;

const callsOf = ({ step }: StepRecord): StepToolCall[] =>
  step.step_details.type === 'tool_calls' ? step.step_details.tool_calls : [];

function markedPassages(call: CallOf<'file_search'>, search: number): [string, FoundPassage][] {
  return call.file_search.results.map((result, index) => [
    markerOf(search, index, result.file_name),
    {
      fileId: result.file_id,
      filename: result.file_name,
      score: result.score,
      text: result.content?.map(({ text }) => text).join('\n') ?? '',
    },
  ]);
}
