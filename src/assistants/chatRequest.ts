/** The chat completion request that continues a run: instructions, the thread's messages, and what the run did so far. */
import type { ChatMessage, ChatRequest, FunctionTool, ImagePart, TextPart } from '../models/ports';
import type { Records } from '../storage/ports';
import type { AssistantTool } from '../wire/assistants';
import type { MessageObject, RunObject, StepToolCall } from '../wire/threads';
import { markerOf, withoutMarkers } from './citations';
import { FILE_SEARCH } from './newRun';
import type { FoundPassage } from './ports';
import { MESSAGES, type StepRecord } from './threadRecords';

/** `truncation_strategy: auto` drops the oldest messages past these bounds. */
const MAX_MESSAGES = 500;
const MAX_CHARACTERS = 400_000;
const PAGE = 50;

const SEARCH_TOOL: FunctionTool = {
  type: 'function',
  function: {
    name: FILE_SEARCH,
    description:
      "Searches the user's files and returns passages, each with a marker. Call it whenever the question may be answered by the files. Give one to five self-contained queries.",
    parameters: {
      type: 'object',
      properties: {
        queries: { type: 'array', items: { type: 'string' }, description: 'What to search for, in full words.' },
      },
      required: ['queries'],
      additionalProperties: false,
    },
  },
};

const CITING =
  `The tool ${FILE_SEARCH} returns passages of the user's files, each with a marker such as 【0:1†report.pdf】. ` +
  'Copy the marker, exactly as it stands, directly behind every statement that you take from a passage. Never invent a marker.';

/** Whether the run may search files. */
export const searches = (run: RunObject): boolean => run.tools.some(({ type }) => type === FILE_SEARCH);

/** What a run has found so far, by marker. */
export function passagesOf(steps: StepRecord[]): Map<string, FoundPassage> {
  const passages = new Map<string, FoundPassage>();
  fileSearchCalls(steps).forEach((call, search) => {
    for (const [marker, passage] of markedPassages(call, search)) passages.set(marker, passage);
  });
  return passages;
}

/** The request for the model's next turn. A field is set only if caller or assistant set it. */
export function chatRequest(
  run: RunObject,
  additionalInstructions: string | null,
  history: MessageObject[],
  steps: StepRecord[],
  messagesOfRun: Map<string, MessageObject>,
): ChatRequest {
  const instructions = [run.instructions, additionalInstructions, searches(run) ? CITING : null]
    .filter(Boolean)
    .join('\n\n');
  const tools = run.tools.flatMap(functionToolOf);
  const callsTools = tools.length > 0 && run.tool_choice !== 'none';
  return {
    model: run.model,
    messages: [
      ...(instructions ? [{ role: 'system' as const, content: instructions }] : []),
      ...history.map(chatMessageOf),
      ...stepMessages(steps, messagesOfRun),
    ],
    ...(tools.length > 0 && { tools, tool_choice: toolChoiceOf(run, steps) }),
    ...(callsTools && !run.parallel_tool_calls && { parallel_tool_calls: false }),
    ...(run.temperature !== null && { temperature: run.temperature }),
    ...(run.top_p !== null && { top_p: run.top_p }),
    ...(run.response_format !== 'auto' && { response_format: run.response_format }),
    ...(run.reasoning_effort && { reasoning_effort: run.reasoning_effort }),
    ...(run.max_completion_tokens !== null && {
      max_completion_tokens: remainingTokens(run.max_completion_tokens, steps),
    }),
  };
}

/** The newest messages before the run, oldest first, as the run's truncation strategy bounds them. */
export async function readHistory(records: Records, partition: string, run: RunObject): Promise<MessageObject[]> {
  const { type, last_messages: last } = run.truncation_strategy;
  const wanted = type === 'last_messages' ? (last ?? MAX_MESSAGES) : MAX_MESSAGES;
  const newestFirst: MessageObject[] = [];
  let characters = 0;
  let after: string | undefined;
  for (;;) {
    const page = await records.list<MessageObject>(partition, MESSAGES, { order: 'desc', limit: PAGE, after });
    for (const { value } of page.records) {
      if (value.run_id === run.id) continue;
      characters += JSON.stringify(value.content).length;
      if (
        newestFirst.length >= Math.min(wanted, MAX_MESSAGES) ||
        (characters > MAX_CHARACTERS && newestFirst.length > 0)
      ) {
        return newestFirst.reverse();
      }
      newestFirst.push(value);
    }
    after = page.records.at(-1)?.id;
    if (!page.hasMore || !after) return newestFirst.reverse();
  }
}

function functionToolOf(tool: AssistantTool): FunctionTool[] {
  if (tool.type === 'file_search') return [SEARCH_TOOL];
  return tool.type === 'function' ? [tool] : [];
}

/** A choice that forces a call holds only until the run has called a tool: else it could never answer. */
function toolChoiceOf(run: RunObject, steps: StepRecord[]): ChatRequest['tool_choice'] {
  const choice = run.tool_choice;
  if (choice === 'none' || choice === 'auto') return choice;
  if (steps.some(({ step }) => step.type === 'tool_calls')) return 'auto';
  if (typeof choice === 'string') return choice;
  return { type: 'function', function: { name: choice.type === 'function' ? choice.function.name : choice.type } };
}

const remainingTokens = (limit: number, steps: StepRecord[]): number =>
  Math.max(1, limit - steps.reduce((sum, { step }) => sum + (step.usage?.completion_tokens ?? 0), 0));

function chatMessageOf(message: MessageObject): ChatMessage {
  const parts = message.content.flatMap((part): (TextPart | ImagePart)[] => {
    if (part.type === 'text') return [{ type: 'text', text: withoutMarkers(part.text.value) }];
    return part.type === 'image_url' ? [part] : [];
  });
  const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
  if (message.role === 'assistant') return { role: 'assistant', content: text };
  return { role: 'user', content: parts.some(({ type }) => type === 'image_url') ? parts : text };
}

function stepMessages(steps: StepRecord[], messagesOfRun: Map<string, MessageObject>): ChatMessage[] {
  let search = 0;
  return steps.flatMap(({ step, queries }): ChatMessage[] => {
    const details = step.step_details;
    if (details.type === 'message_creation') {
      const message = messagesOfRun.get(details.message_creation.message_id);
      return message?.status === 'completed' ? [textOf(message)] : [];
    }
    const answers = details.tool_calls.map((call): ChatMessage => {
      const content = call.type === 'function' ? (call.function.output ?? '') : searchResults(call, search++);
      return { role: 'tool', tool_call_id: call.id, content };
    });
    return [
      { role: 'assistant', content: null, tool_calls: details.tool_calls.map((call) => asked(call, queries)) },
      ...answers,
    ];
  });
}

const textOf = (message: MessageObject): ChatMessage => ({
  role: 'assistant',
  content: message.content.map((part) => (part.type === 'text' ? part.text.value : '')).join('\n'),
});

function asked(call: StepToolCall, queries: Record<string, string[]>) {
  const { name, arguments: text } =
    call.type === 'function'
      ? call.function
      : { name: FILE_SEARCH, arguments: JSON.stringify({ queries: queries[call.id] ?? [] }) };
  return { id: call.id, type: 'function' as const, function: { name, arguments: text } };
}

type FileSearchCall = Extract<StepToolCall, { type: 'file_search' }>;

const fileSearchCalls = (steps: StepRecord[]): FileSearchCall[] =>
  steps.flatMap(({ step }) =>
    step.step_details.type === 'tool_calls'
      ? step.step_details.tool_calls.filter((call) => call.type === 'file_search')
      : [],
  );

function markedPassages(call: FileSearchCall, search: number): [string, FoundPassage][] {
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

function searchResults(call: FileSearchCall, search: number): string {
  const results = markedPassages(call, search).map(([marker, { filename, score, text }]) => ({
    marker,
    filename,
    score,
    text,
  }));
  return JSON.stringify({ results });
}
