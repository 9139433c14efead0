/** Which items are calls, by who answers them. Pure. */
import type {
  CodeInterpreterCall,
  CustomToolCall,
  FileSearchCall,
  FunctionCall,
  McpApprovalRequest,
  McpCall,
  OutputItem,
} from '../wire/responseItems';

export type ServerCall = FileSearchCall | CodeInterpreterCall | McpCall;

/** Whether the server carries it out. */
export const isServerCall = (item: OutputItem): item is ServerCall =>
  ['file_search_call', 'code_interpreter_call', 'mcp_call'].includes(item.type);

/** Whether the caller hands in its output by its `call_id`. */
export const isCallOfOutput = <T extends { type: string }>(
  item: T,
): item is Extract<T, { type: 'function_call' | 'custom_tool_call' }> =>
  item.type === 'function_call' || item.type === 'custom_tool_call';

/** Whether it is such an output. */
export const isCallOutput = <T extends { type: string }>(
  item: T,
): item is Extract<T, { type: 'function_call_output' | 'custom_tool_call_output' }> =>
  item.type === 'function_call_output' || item.type === 'custom_tool_call_output';

/** Whether the caller answers it, so that it ends the response. */
export const isCallersCall = (item: OutputItem): item is FunctionCall | CustomToolCall | McpApprovalRequest =>
  isCallOfOutput(item) || item.type === 'mcp_approval_request';
