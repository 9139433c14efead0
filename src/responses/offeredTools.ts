/** The tools of a response as its model is offered them: all but the caller's custom tools are functions to it. */
import { createHash } from 'node:crypto';
import { CODE_INTERPRETER, CODE_TOOL, FILE_SEARCH, SEARCH_TOOL } from '../agentLoop/serverTools';
import type { ChatTool, FunctionTool } from '../models/ports';
import type { McpListTools } from '../wire/responseItems';
import { isCallersTool, type CustomTool, type McpTool, type ResponseTool } from '../wire/responseTools';

/** What a call of a tool by its name means. */
export type OfferedTool =
  | { kind: 'callers'; chat: ChatTool; tool: ResponseTool }
  | { kind: 'file_search'; chat: FunctionTool; tool: Extract<ResponseTool, { type: 'file_search' }> }
  | { kind: 'code_interpreter'; chat: FunctionTool; tool: Extract<ResponseTool, { type: 'code_interpreter' }> }
  | { kind: 'mcp'; chat: FunctionTool; tool: McpTool; name: string; needsApproval: boolean };

/** Chat completions take no longer names. */
const MAX_NAME = 64;

/** Characters of the digest that tells shortened names apart. */
const DIGEST = 8;
const MAX_SHORTENED = MAX_NAME - DIGEST - 1;

/** The name under which the model knows a tool of an MCP server. What does not fit into a name of a function ends with a digest: no two tools become one. */
export function mcpName(label: string, name: string): string {
  const whole = `${label}__${name}`;
  const fitting = whole.replace(/[^a-zA-Z0-9_-]/g, '_');
  if (fitting === whole && whole.length <= MAX_NAME) return whole;
  const digest = createHash('sha256').update(whole).digest('hex').slice(0, DIGEST);
  return `${fitting.slice(0, MAX_SHORTENED)}_${digest}`;
}

/** What the names of all tools of an MCP server begin with. */
export const mcpPrefix = (label: string): string => `${label}__`.slice(0, MAX_SHORTENED);

/** The tools by the names that the model calls. `lists` are those of the MCP servers, by their labels. */
export function offeredTools(
  tools: ResponseTool[],
  lists: ReadonlyMap<string, McpListTools>,
): Map<string, OfferedTool> {
  const offered = new Map<string, OfferedTool>();
  for (const tool of tools) {
    if (isCallersTool(tool)) {
      const chat = tool.type === 'function' ? functionOf(tool) : customOf(tool);
      offered.set(tool.name, { kind: 'callers', chat, tool });
    }
    if (tool.type === 'file_search') offered.set(FILE_SEARCH, { kind: 'file_search', chat: SEARCH_TOOL, tool });
    if (tool.type === 'code_interpreter')
      offered.set(CODE_INTERPRETER, { kind: 'code_interpreter', chat: CODE_TOOL, tool });
    if (tool.type === 'mcp')
      for (const listed of lists.get(tool.server_label)?.tools ?? []) {
        const name = mcpName(tool.server_label, listed.name);
        // Servers may leave `properties` out where there are none; OpenAI's services refuse that.
        const parameters = { properties: {}, ...listed.input_schema };
        const description = listed.description ?? undefined;
        const chat: FunctionTool = {
          type: 'function',
          function: { name, ...(description && { description }), parameters },
        };
        const needsApproval = asksFirst(tool, listed);
        offered.set(name, { kind: 'mcp', chat, tool, name: listed.name, needsApproval });
      }
  }
  return offered;
}

function functionOf({
  name,
  description,
  parameters,
  strict,
}: Extract<ResponseTool, { type: 'function' }>): FunctionTool {
  return {
    type: 'function',
    function: {
      name,
      ...(description && { description }),
      ...(parameters && { parameters }),
      ...(strict != null && { strict }),
    },
  };
}

/** Chat completions have the grammar's fields one level deeper. */
function customOf({ name, description, format }: CustomTool): ChatTool {
  const chatFormat =
    format?.type === 'grammar'
      ? { type: format.type, grammar: { syntax: format.syntax, definition: format.definition } }
      : format;
  return {
    type: 'custom',
    custom: { name, ...(description && { description }), ...(chatFormat && { format: chatFormat }) },
  };
}

type Listed = McpListTools['tools'][number];
const isReadOnly = ({ annotations }: Listed): boolean => annotations?.readOnlyHint === true;

interface ToolFilter {
  tool_names?: string[];
  read_only?: boolean;
}

/** Whether the filter names the tool; one that says nothing names none. */
function isAmong(filter: ToolFilter | undefined, tool: Listed): boolean {
  if (!filter) return false;
  if (filter.tool_names) return filter.tool_names.includes(tool.name) && (!filter.read_only || isReadOnly(tool));
  return filter.read_only === true && isReadOnly(tool);
}

/** Whether the model may know of the tool (`allowed_tools`). */
export function isAllowed({ allowed_tools: allowed }: McpTool, tool: Listed): boolean {
  if (!allowed) return true;
  return Array.isArray(allowed) ? allowed.includes(tool.name) : isAmong(allowed, tool);
}

/** Whether a list that was made before has every tool that may be known by its name: the list may be from when fewer were allowed. */
export function coversAllowed({ allowed_tools: allowed }: McpTool, { tools }: McpListTools): boolean {
  const names = Array.isArray(allowed) ? allowed : (allowed?.tool_names ?? []);
  return names.every((name) => tools.some((listed) => listed.name === name));
}

/** Whether the caller is asked before the tool is called (`require_approval`, which is `always` unless given). */
function asksFirst({ require_approval: rule }: McpTool, tool: Listed): boolean {
  if (!rule || typeof rule === 'string') return rule !== 'never';
  // What neither names is asked for: that is the default.
  return isAmong(rule.always, tool) || !isAmong(rule.never, tool);
}
