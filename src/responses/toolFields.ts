/** Which tools the model is offered, and which it must call, in the words of chat completions. Pure. */
import { chatToolName, type ChatRequest } from '../models/ports';
import type { ResponseTool } from '../wire/responseTools';
import type { ResponseObject } from '../wire/responses';
import { wantedTools } from './newResponse';
import { mcpName, type OfferedTool } from './offeredTools';

type ToolFields = Pick<ChatRequest, 'tools' | 'tool_choice' | 'parallel_tool_calls'>;

/** `offered`: what may still be called; `all`: the tools of the response; `hasCalled`: whether it called one already. */
export function toolFields(
  offered: OfferedTool[],
  { tool_choice: choice, parallel_tool_calls: isParallel }: Pick<ResponseObject, 'tool_choice' | 'parallel_tool_calls'>,
  all: ResponseTool[],
  hasCalled: boolean,
): ToolFields {
  if (offered.length === 0) return {};
  const fields: ToolFields = {
    tools: offered.map(({ chat }) => chat),
    ...(!isParallel && choice !== 'none' && { parallel_tool_calls: false }),
  };
  if (choice === 'none' || choice === 'auto') return { ...fields, tool_choice: choice };
  const wanted = wantedTools(choice, all);
  const among = offered.filter(({ tool }) => wanted.includes(tool));
  const isAllowed = typeof choice === 'object' && choice.type === 'allowed_tools';
  // The calls of the tools that it allows are used up.
  if (isAllowed && among.length === 0) return {};
  if (isAllowed) fields.tools = among.map(({ chat }) => chat);
  // A choice that forces a call holds until one was made: else there would never be an answer.
  if (hasCalled || among.length === 0) return { ...fields, tool_choice: 'auto' };
  if (isAllowed || choice === 'required') return { ...fields, tool_choice: isAllowed ? choice.mode : 'required' };
  const named =
    'name' in choice && choice.type === 'mcp' && choice.name ? mcpName(choice.server_label, choice.name) : undefined;
  const only = among.find(({ chat }) => chatToolName(chat) === named) ?? (among.length === 1 ? among[0] : undefined);
  if (!only) return { ...fields, tools: among.map(({ chat }) => chat), tool_choice: 'required' };
  const name = chatToolName(only.chat);
  const tool_choice =
    only.chat.type === 'function'
      ? { type: only.chat.type, function: { name } }
      : { type: only.chat.type, custom: { name } };
  return { ...fields, tool_choice };
}
