/** Calls of MCP servers' tools that wait for the caller's approval. Pure. */
import type { McpCall, ResponseItem } from '../wire/responseItems';
import { itemPrefixes, newItemId, type ResponseKey } from './responseIds';

/** The calls, of the response `key`, that the caller has approved with these items, and that were made neither among them nor in the output. */
export function approvedCalls(items: ResponseItem[], output: ResponseItem[], key: ResponseKey): McpCall[] {
  const made = new Set(
    [...items, ...output].flatMap((item) => (item.type === 'mcp_call' ? [item.approval_request_id] : [])),
  );
  const requests = new Map(items.flatMap((item) => (item.type === 'mcp_approval_request' ? [[item.id, item]] : [])));
  return items.flatMap((item): McpCall[] => {
    if (item.type !== 'mcp_approval_response' || !item.approve || made.has(item.approval_request_id)) return [];
    const request = requests.get(item.approval_request_id);
    if (!request) return [];
    const { server_label, name, arguments: given, id: approval_request_id } = request;
    return [
      {
        id: newItemId(itemPrefixes.mcp_call, key),
        type: 'mcp_call',
        status: 'in_progress',
        server_label,
        name,
        arguments: given,
        output: null,
        error: null,
        approval_request_id,
      },
    ];
  });
}
