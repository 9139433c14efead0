/**
 * Objects as the older form of the API has them (`assistants=v1`): the tool file_search is `retrieval`, and files are `file_ids`. What that form did not have yet stays.
 */
import type { AssistantObject } from '../wire/assistants';
import type { MessageObject, RunObject, RunStepObject } from '../wire/threads';
import { isOf } from './objectKind';

const RETRIEVAL = 'retrieval';

interface StepDelta {
  object: 'thread.run.step.delta';
  delta: { step_details: { tool_calls: { type: string; index: number; id?: string }[] } };
}

/** The object, the list or the event's data in the older form; what has none is returned as it is. */
export function olderForm(value: unknown): unknown {
  if (isOf<{ object: 'list'; data: unknown[] }>(value, 'list')) return { ...value, data: value.data.map(olderForm) };
  if (isOf<AssistantObject>(value, 'assistant'))
    return { ...value, tools: value.tools.map(olderTool), file_ids: value.file_ids ?? [] };
  if (isOf<RunObject>(value, 'thread.run')) {
    const { tools, tool_choice: choice } = value;
    return {
      ...value,
      tools: tools.map(olderTool),
      tool_choice: typeof choice === 'string' ? choice : olderTool(choice),
    };
  }
  if (isOf<MessageObject>(value, 'thread.message')) return olderMessage(value);
  if (isOf<RunStepObject>(value, 'thread.run.step')) {
    const { step_details: details } = value;
    if (details.type !== 'tool_calls') return value;
    return { ...value, step_details: { ...details, tool_calls: details.tool_calls.map(olderCall) } };
  }
  if (isOf<StepDelta>(value, 'thread.run.step.delta')) {
    const { step_details: details } = value.delta;
    return { ...value, delta: { step_details: { ...details, tool_calls: details.tool_calls.map(olderCall) } } };
  }
  return value;
}

const olderTool = <T extends { type: string }>(tool: T): T | { type: typeof RETRIEVAL } =>
  tool.type === 'file_search' ? { type: RETRIEVAL } : tool;

function olderMessage(message: MessageObject): object {
  const attachments = message.attachments.map(({ file_id, tools }) => ({ file_id, tools: tools.map(olderTool) }));
  return { ...message, attachments, file_ids: [...new Set(attachments.map(({ file_id }) => file_id))] };
}

/** A call of retrieval tells nothing of what it found. */
function olderCall<T extends { type: string; id?: string; index?: number }>(call: T): object {
  if (call.type !== 'file_search') return call;
  const { id, index } = call;
  return { ...(index !== undefined && { index }), id, type: RETRIEVAL, [RETRIEVAL]: {} };
}
