/** One session with an MCP server, over Streamable HTTP or, where the server has only that, over the older HTTP+SSE. */
import type {
  Client,
  jsonSchemaValidator,
  StreamableHTTPClientTransport,
  Transport,
} from '@modelcontextprotocol/client' with { 'resolution-mode': 'import' };
import { McpError, type McpServer, type McpTool, type McpToolResult } from '../responses/mcpPort';
import { brokenOffAnswer, currentExchange, exchangeFetch, runExchange, type McpExchange } from './mcpExchange';
import { toolResult } from './mcpOutput';
import type { OutgoingGuard } from './outgoingGuard';

/** Times in milliseconds, sizes in bytes. */
export interface McpLimits {
  /** Of connecting, with the choice of transport and the handshake; 15,000. */
  connectTime: number;
  /** Of a list with all its pages; 15,000. */
  listTime: number;
  /** Of a call; 120,000. */
  callTime: number;
  /** Of telling the server that a session is over; 2,000. */
  endTime: number;
  /** Tools of a list; further ones are left out. */
  tools: number;
  /** Of the answers to one operation, as they come; 8 MiB. */
  answerBytes: number;
  /** Of a tool's output; further ones are cut off; 512 KiB. */
  outputBytes: number;
}

export interface McpConnection {
  /** The stream that the session needs has ended; no call can be answered. */
  isOver(): boolean;
  listTools(signal: AbortSignal): Promise<McpTool[]>;
  callTool(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<McpToolResult>;
  /** Ends the session; never throws. */
  close(): Promise<void>;
}

/** Loaded with the first connection: it takes a sixth of a second and 30 MB. */
const loadLibrary = () => import('@modelcontextprotocol/client');
type Library = Awaited<ReturnType<typeof loadLibrary>>;

/** The library's transport, whose requests end with the operation they belong to, and with their stream, which the library waits beyond. */
function streamableHttp(
  library: Library,
  ...[url, options]: ConstructorParameters<typeof StreamableHTTPClientTransport>
): StreamableHTTPClientTransport {
  const transport = new library.StreamableHTTPClientTransport(url, options);
  const send = transport.send.bind(transport);
  transport.send = (message, sendOptions) => {
    const exchange = currentExchange();
    // Notifications are not bound: one of them tells the server of the end.
    if (!exchange || !library.isJSONRPCRequest(message)) return send(message, sendOptions);
    return send(message, {
      ...sendOptions,
      requestSignal: exchange.signal,
      // Where the answer was there, nobody waits for this one.
      onRequestStreamEnd: () => transport.onmessage?.({ jsonrpc: '2.0', id: message.id, error: brokenOffAnswer }),
    });
  };
  return transport;
}

/** Connects and shakes hands. Throws {@link McpError}, or the reason of `signal`. */
export async function openMcpConnection(
  guard: OutgoingGuard,
  server: McpServer,
  limits: McpLimits,
  signal: AbortSignal,
): Promise<McpConnection> {
  const url = addressOf(server);
  const options = { fetch: exchangeFetch(guard), requestInit: { headers: headersOf(server) } };
  const { answerBytes } = limits;
  return runExchange(server, { milliseconds: limits.connectTime, answerBytes }, signal, async (opening) => {
    const library = await loadLibrary();
    const streamable = streamableHttp(library, url, { ...options, fetch: withoutListening(options.fetch) });
    try {
      const client = await connected(library, streamable, 'auto', opening);
      return connectionOf(library, server, client, limits, opening, () => streamable.terminateSession());
    } catch (error) {
      // As the protocol tells clients to find servers of 2024-11-05.
      if (![400, 404, 405].includes(opening.status ?? 0)) throw error;
      const { status } = opening;
      try {
        const client = await connected(library, new library.SSEClientTransport(url, options), 'legacy', opening);
        return connectionOf(library, server, client, limits, opening);
      } catch {
        // It has neither, and what the newer transport met says more.
        opening.status = status;
        opening.failure = undefined;
        throw error;
      }
    }
  });
}

/** The longest that timers take: the operation has the time limit. */
const NO_TIMEOUT = 2 ** 31 - 1;

async function connected(
  library: Library,
  transport: Transport,
  mode: 'auto' | 'legacy',
  { signal }: McpExchange,
): Promise<Client> {
  const client = new library.Client(
    { name: 'azure-openai-functions', version: '0.1.0' },
    {
      versionNegotiation: { mode },
      listMaxPages: MAX_PAGES,
      // Nobody is there to be asked.
      inputRequired: { autoFulfill: false },
      jsonSchemaValidator: unvalidated,
    },
  );
  const leave = () => void transport.close();
  signal.addEventListener('abort', leave, { once: true });
  try {
    await client.connect(transport, { timeout: NO_TIMEOUT });
    return client;
  } catch (error) {
    await transport.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Of lists; a server that gives a tool a page still gets all its tools listed. */
const MAX_PAGES = 200;

/** Output schemas are the server's promise to itself; a pattern of theirs could keep this process busy for ever. */
const unvalidated: jsonSchemaValidator = {
  getValidator:
    <T>() =>
    (input: unknown) =>
      isTaken<T>(input)
        ? { valid: true, data: input, errorMessage: undefined }
        : { valid: false, data: undefined, errorMessage: 'not taken' },
};
const isTaken = <T>(_value: unknown): _value is T => true;

function connectionOf(
  library: Library,
  server: McpServer,
  client: Client,
  limits: McpLimits,
  opening: McpExchange,
  endSession?: () => Promise<void>,
): McpConnection {
  const { answerBytes } = limits;
  let isOver = false;
  client.onclose = () => {
    isOver = true;
  };
  client.onerror = (error) => {
    // A new stream would be a new session, of which the server knows nothing yet.
    if (error instanceof library.SseError) void client.close();
  };
  const run = <T>(milliseconds: number, signal: AbortSignal, work: (exchange: McpExchange) => Promise<T>) => {
    // The stream of HTTP+SSE, which the opening began, brings the answers to all operations.
    opening.bytesLeft = answerBytes;
    return runExchange(server, { milliseconds, answerBytes }, signal, work);
  };
  return {
    isOver: () => isOver,
    listTools: (signal) =>
      run(limits.listTime, signal, async (exchange) => {
        if (!client.getServerCapabilities()?.tools) return [];
        const { tools } = await client.listTools(undefined, { signal: exchange.signal, timeout: NO_TIMEOUT });
        return tools.slice(0, limits.tools).map(({ name, description, inputSchema, annotations }) => ({
          name,
          description: description ?? null,
          input_schema: inputSchema,
          annotations: annotations ? { ...annotations } : null,
        }));
      }),
    callTool: (name, args, signal) =>
      run(limits.callTime, signal, async (exchange) => {
        const options = { signal: exchange.signal, timeout: NO_TIMEOUT };
        return toolResult(await client.callTool({ name, arguments: args }, options), limits.outputBytes);
      }),
    async close() {
      if (endSession && !isOver) {
        // A server that is gone, or keeps its sessions to itself, needs no word.
        await run(limits.endTime, new AbortController().signal, endSession).catch(() => undefined);
      }
      await client.close();
    },
  };
}

/** Servers say nothing of themselves that would be needed here, so no connection is kept open for it. */
const withoutListening =
  (next: typeof fetch): typeof fetch =>
  (input, init) =>
    init?.method === 'GET' && !new Headers(init.headers).has('last-event-id')
      ? Promise.resolve(new Response(null, { status: 405 }))
      : next(input, init);

/** The endpoint of a server. Throws {@link McpError} `refused_address` for what is no plain http(s) address. */
export function addressOf({ url }: McpServer): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username || parsed.password) {
    const message =
      'The address of an MCP server must begin with http:// or https:// and hold no user name or password.';
    throw new McpError('refused_address', message);
  }
  return parsed;
}

function headersOf({ label, headers = {}, authorization }: McpServer): Record<string, string> {
  try {
    const sent = new Headers(headers);
    if (authorization) sent.set('authorization', `Bearer ${authorization}`);
    return Object.fromEntries(sent);
  } catch {
    // Without the cause, which repeats the value.
    throw new McpError('http', `The headers or the authorization of the MCP server '${label}' are not ones of HTTP.`);
  }
}
