/** The chat completion request that continues a run: instructions, the thread's messages, and what the run did so far. */
import { withoutMarkers } from '../agentLoop/citations';
import { CODE_INTERPRETER, CODE_TOOL, FILE_SEARCH, SEARCH_TOOL, toolGuidance } from '../agentLoop/serverTools';
import type { PromptParts } from '../agentLoop/truncation';
import type { ChatMessage, ChatRequest, FunctionTool, ImagePart, TextPart } from '../models/ports';
import type { AssistantTool } from '../wire/assistants';
import type { MessageObject, RunObject, StepToolCall } from '../wire/threads';
import type { StepRecord } from './threadRecords';
import { codeResult, searchResults } from './toolResults';

/** Services take no prompt without messages, which an empty thread and an assistant without instructions would make. */
const LEAST_INSTRUCTIONS = 'You are a helpful assistant.';

/** The prompt of the model's next turn, whole. */
export function promptParts(
  run: RunObject,
  additionalInstructions: string | null,
  history: ChatMessage[],
  steps: StepRecord[],
  messagesOfRun: Map<string, MessageObject>,
): PromptParts {
  const guidance = toolGuidance(run.tools.map(({ type }) => type));
  const asked = [run.instructions, additionalInstructions, ...guidance].filter(Boolean).join('\n\n');
  const instructions = asked || (history.length + steps.length > 0 ? '' : LEAST_INSTRUCTIONS);
  return {
    model: run.model,
    instructions: instructions ? [{ role: 'system', content: instructions }] : [],
    history,
    steps: stepMessages(steps, messagesOfRun),
    tools: run.tools.map(functionToolOf),
  };
}

/**
 * The request for the model's next turn. A field is set only if caller or assistant set it.
 *
 * @param completionTokens What is left of the run's `max_completion_tokens`.
 */
export function chatRequest(
  run: RunObject,
  { instructions, history, steps, tools }: PromptParts,
  hasCalledTools: boolean,
  completionTokens: number | undefined,
): ChatRequest {
  const callsTools = tools.length > 0 && run.tool_choice !== 'none';
  return {
    model: run.model,
    messages: [...instructions, ...history, ...steps],
    ...(tools.length > 0 && { tools, tool_choice: toolChoiceOf(run, hasCalledTools) }),
    ...(callsTools && !run.parallel_tool_calls && { parallel_tool_calls: false }),
    ...(run.temperature !== null && { temperature: run.temperature }),
    ...(run.top_p !== null && { top_p: run.top_p }),
    ...(run.response_format !== 'auto' && { response_format: run.response_format }),
    ...(run.reasoning_effort && { reasoning_effort: run.reasoning_effort }),
    ...(completionTokens !== undefined && { max_completion_tokens: completionTokens }),
  };
}

function functionToolOf(tool: AssistantTool): FunctionTool {
  if (tool.type === 'file_search') return SEARCH_TOOL;
  return tool.type === 'code_interpreter' ? CODE_TOOL : tool;
}

/** A choice that forces a call holds only until the run has called a tool: else it could never answer. */
function toolChoiceOf({ tool_choice: choice }: RunObject, hasCalledTools: boolean): ChatRequest['tool_choice'] {
  if (choice === 'none' || choice === 'auto') return choice;
  if (hasCalledTools) return 'auto';
  if (typeof choice === 'string') return choice;
  return { type: 'function', function: { name: choice.type === 'function' ? choice.function.name : choice.type } };
}

/** A message of the thread as the model reads it. */
export function chatMessageOf(message: MessageObject): ChatMessage {
  const parts = message.content.flatMap((part): (TextPart | ImagePart)[] => {
    if (part.type === 'text') return [{ type: 'text', text: withoutMarkers(part.text.value) }];
    if (part.type === 'refusal') return [{ type: 'text', text: part.refusal }];
    return part.type === 'image_url' ? [part] : [];
  });
  const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
  if (message.role === 'assistant') return { role: 'assistant', content: text };
  return { role: 'user', content: parts.some(({ type }) => type === 'image_url') ? parts : text };
}

function stepMessages(steps: StepRecord[], messagesOfRun: Map<string, MessageObject>): ChatMessage[] {
  let search = 0;
  return steps.flatMap((record): ChatMessage[] => {
    const details = record.step.step_details;
    if (details.type === 'message_creation') {
      const message = messagesOfRun.get(details.message_creation.message_id);
      return message?.status === 'completed' ? [textOf(message)] : [];
    }
    const answers = details.tool_calls.map((call): ChatMessage => {
      const content =
        call.type === 'function'
          ? (call.function.output ?? '')
          : call.type === 'file_search'
            ? searchResults(call, search++)
            : codeResult(call, record.files?.[call.id] ?? []);
      return { role: 'tool', tool_call_id: call.id, content };
    });
    return [
      { role: 'assistant', content: null, tool_calls: details.tool_calls.map((call) => asked(call, record)) },
      ...answers,
    ];
  });
}

const textOf = (message: MessageObject): ChatMessage => ({
  role: 'assistant',
  content: message.content.flatMap((part) => (part.type === 'text' ? [part.text.value] : [])).join('\n'),
});

function asked(call: StepToolCall, { queries }: StepRecord) {
  const { name, arguments: text } = argumentsOf(call, queries[call.id] ?? []);
  return { id: call.id, type: 'function' as const, function: { name, arguments: text } };
}

function argumentsOf(call: StepToolCall, queries: string[]): { name: string; arguments: string } {
  switch (call.type) {
    case 'function':
      return call.function;
    case 'file_search':
      return { name: FILE_SEARCH, arguments: JSON.stringify({ queries }) };
    case 'code_interpreter':
      return { name: CODE_INTERPRETER, arguments: JSON.stringify({ code: call.code_interpreter.input }) };
  }
}
