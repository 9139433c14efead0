/** Which items are calls, by who answers them. Pure. */
import type {
  CodeInterpreterCall,
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

/** Whether the caller answers it, so that it ends the response. */
export const isCallersCall = (item: OutputItem): item is FunctionCall | McpApprovalRequest =>
  item.type === 'function_call' || item.type === 'mcp_approval_request';
