/** The MCP servers of one response: what tools they have, and calls of them. */
import { errors } from '../errors';
import type { McpCall, McpListTools, OutputItem, ResponseItem } from '../wire/responseItems';
import type { McpTool } from '../wire/responseTools';
import { McpError, type McpClient, type McpClients, type McpServer, type McpTool as ServerTool } from './mcpPort';
import { coversAllowed, isAllowed } from './offeredTools';
import { itemAdded, itemDone, itemEvent, type ResponseSink } from './responseEvents';
import { itemPrefixes, newItemId } from './responseIds';
import type { ResponseTask } from './responseWork';

/** `MCPToolCallError`. */
type CallError =
  | { type: 'mcp_protocol_error' | 'http_error'; code: number; message: string }
  | { type: 'mcp_tool_execution_error'; content: { type: 'text'; text: string }[] };

export interface McpResult {
  output: string | null;
  error: CallError | null;
}

/** Of JSON-RPC. */
const INVALID_REQUEST = -32_600;
export const INTERNAL_ERROR = -32_603;
/** What stands for a fault that brought no status of its own. */
const STATUSES = { refused_address: 403, authentication: 401, unavailable: 503, timeout: 504, http: 502 };

const failed = (error: CallError): McpResult => ({ output: null, error });
export const protocolError = (code: number, message: string): CallError => ({
  type: 'mcp_protocol_error',
  code,
  message,
});
const executionError = (text: string): CallError => ({
  type: 'mcp_tool_execution_error',
  content: [{ type: 'text', text }],
});

export class McpServers {
  /** The tools of each server that the model may know of, by the server's label. */
  readonly lists = new Map<string, McpListTools>();
  /** The list that a server is asked for just now, and its place in the output. */
  asked: { index: number; item: McpListTools } | undefined;
  private client: McpClient | undefined;

  constructor(
    private readonly clients: McpClients,
    private readonly task: Pick<ResponseTask, 'key' | 'items' | 'settings'>,
    private readonly emit: ResponseSink,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Asks each server for its tools, unless the conversation has its list already, with all that are allowed by name; a list is an item of the output. Throws 424 for a server that does not give one.
   */
  async list(output: OutputItem[], add: (items: OutputItem[]) => void): Promise<void> {
    let index = output.length;
    for (const tool of this.task.settings.tools) {
      if (tool.type !== 'mcp') continue;
      const isOfServer = (item: ResponseItem): item is McpListTools =>
        item.type === 'mcp_list_tools' && item.server_label === tool.server_label && !item.error;
      const earlier = this.task.items.findLast(isOfServer);
      const known = output.findLast(isOfServer) ?? (earlier && coversAllowed(tool, earlier) ? earlier : undefined);
      const list = known ?? (await this.listed(tool, index++, add));
      this.lists.set(tool.server_label, { ...list, tools: list.tools.filter((one) => isAllowed(tool, one)) });
    }
  }

  private async listed(tool: McpTool, index: number, add: (items: OutputItem[]) => void): Promise<McpListTools> {
    const id = newItemId(itemPrefixes.mcp_list_tools, this.task.key);
    const empty: McpListTools = { id, type: 'mcp_list_tools', server_label: tool.server_label, tools: [] };
    this.asked = { index, item: empty };
    await this.emit(itemAdded(index, empty));
    await this.emit(itemEvent('mcp_list_tools.in_progress', empty, index));
    try {
      const tools = await this.open().listTools(serverOf(tool), this.signal);
      const list: McpListTools = { ...empty, tools: tools.filter((one) => isAllowed(tool, one)).map(listedTool) };
      await this.emit(itemEvent('mcp_list_tools.completed', empty, index));
      await this.emit(itemDone(index, list));
      add([list]);
      this.asked = undefined;
      return list;
    } catch (error) {
      if (!(error instanceof McpError)) throw error;
      const broken = { ...empty, error: error.message };
      await this.emit(itemEvent('mcp_list_tools.failed', empty, index));
      await this.emit(itemDone(index, broken));
      this.asked = undefined;
      add([broken]);
      throw errors.mcpFailed(tool.server_label, error.message, error);
    }
  }

  /** Calls the tool. What fails there is the call's result, which the model reads. `fits` says whether there is room for a text. */
  async call(
    tool: McpTool | undefined,
    { name, arguments: text }: McpCall,
    fits: (text: string) => boolean,
  ): Promise<McpResult> {
    if (!tool) return failed(protocolError(INVALID_REQUEST, 'The server is not among the tools of the response.'));
    const given = parsedArguments(text);
    if (!given) return failed(executionError('The arguments are no JSON object.'));
    try {
      const { output, error } = await this.open().callTool(serverOf(tool), name, given, this.signal);
      if (error !== null) return failed(executionError(error));
      return fits(output)
        ? { output, error: null }
        : failed(protocolError(INTERNAL_ERROR, 'There is no room left for this output.'));
    } catch (error) {
      if (!(error instanceof McpError)) throw error;
      const { kind, message, code } = error;
      return failed(
        kind === 'protocol'
          ? protocolError(code ?? INTERNAL_ERROR, message)
          : { type: 'http_error', code: code ?? STATUSES[kind], message },
      );
    }
  }

  private open(): McpClient {
    return (this.client ??= this.clients.open());
  }

  async close(): Promise<void> {
    await this.client?.close();
  }
}

/** Without what the server does not say: the AI SDK takes no null for it. */
const listedTool = ({ name, description, input_schema, annotations }: ServerTool): McpListTools['tools'][number] => ({
  name,
  ...(description !== null && { description }),
  input_schema,
  ...(annotations && { annotations }),
});

const serverOf = ({ server_label: label, server_url: url, headers, authorization }: McpTool): McpServer => ({
  label,
  url,
  ...(headers && { headers }),
  ...(authorization && { authorization }),
});

function parsedArguments(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text || '{}');
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
