/** Remote MCP servers, which the `mcp` tool of responses reaches. */

/** A server as a caller names it. */
export interface McpServer {
  /** The caller's name for it, `server_label`. */
  label: string;
  /** Its MCP endpoint, http or https. */
  url: string;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** An access token, sent as `Authorization: Bearer`; goes before such a header. */
  authorization?: string;
}

/** A tool as `mcp_list_tools` gives it. */
export interface McpTool {
  name: string;
  description: string | null;
  /** JSON Schema of the arguments, as the server gave it. */
  input_schema: Record<string, unknown>;
  /** Hints of the server, such as `readOnlyHint`. */
  annotations: Record<string, unknown> | null;
}

/** What a tool answered. */
export interface McpToolResult {
  /** Its text, or its structured content as JSON; empty where there is an error. */
  output: string;
  /** What the tool itself says that went wrong (`isError`); null where it went well. */
  error: string | null;
}

/** The connections of one response: sessions are shared by its calls and by nobody else's. */
export interface McpClient {
  /** The server's tools, the first 200, from all pages of its list. Throws {@link McpError}, or the signal's reason. */
  listTools(server: McpServer, signal: AbortSignal): Promise<McpTool[]>;
  /** Calls a tool. Throws {@link McpError} where the call did not reach the tool or its answer did not come back, or the signal's reason. */
  callTool(server: McpServer, name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<McpToolResult>;
  /** Ends the sessions. Calls that are under way fail, and so do later ones. */
  close(): Promise<void>;
}

/** Makes the clients of responses, within limits that all of them share. */
export interface McpClients {
  /** A client for one response, which must be closed with it. */
  open(): McpClient;
  /** Closes what is open. */
  close(): Promise<void>;
}

/**
 * - `refused_address`: no address that this server connects to, by itself, by its name's addresses, or by a redirect;
 * - `unavailable`: no connection, one that broke off, or too many at the same time;
 * - `timeout`: no answer in time;
 * - `authentication`: 401 or 403;
 * - `protocol`: a JSON-RPC error, or an answer that is not of the protocol or too large;
 * - `http`: another status from 400 on, or headers that HTTP does not carry.
 */
export type McpErrorKind = 'refused_address' | 'unavailable' | 'timeout' | 'authentication' | 'protocol' | 'http';

/** A server could not be used. The message is fit for the caller and holds neither header values nor tokens. */
export class McpError extends Error {
  constructor(
    readonly kind: McpErrorKind,
    message: string,
    /** The HTTP status (`authentication`, `http`) or the JSON-RPC code (`protocol`), where there was one. */
    readonly code?: number,
  ) {
    super(message);
    this.name = 'McpError';
  }
}
