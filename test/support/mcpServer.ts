/** An MCP server on this machine, with the protocol's own library; HTTP+SSE, which that has no more, by hand. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createMcpHandler,
  parseJSONRPCMessage,
  Server,
  WebStandardStreamableHTTPServerTransport,
  type CallToolResult,
  type Tool,
  type Transport,
} from '@modelcontextprotocol/server';

export interface ScriptedMcp {
  /**
   * - `json`, `events`: Streamable HTTP with sessions, answers as JSON or as event streams;
   * - `stateless`: Streamable HTTP without sessions, of 2026-07-28 and older protocols;
   * - `legacy`: HTTP+SSE of 2024-11-05 alone.
   */
  transport: 'json' | 'events' | 'stateless' | 'legacy';
  tools: Tool[];
  /** Tools a page of the list; default: all. */
  pageSize?: number;
  call?(name: string, args: Record<string, unknown>, signal: AbortSignal): CallToolResult | Promise<CallToolResult>;
  /** Answers a request instead of the server, and says so. */
  instead?(request: IncomingMessage, response: ServerResponse): boolean;
}

export interface RunningMcp {
  /** Of its endpoint. */
  url: string;
  port: number;
  requests: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[];
  /** Sessions that are open; of HTTP+SSE, streams. */
  sessions: Map<string, unknown>;
  /** Requests that are not answered to their end. */
  underWay(): number;
  dropConnections(): void;
  close(): Promise<void>;
}

export async function startMcpServer(script: ScriptedMcp): Promise<RunningMcp> {
  const requests: RunningMcp['requests'] = [];
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const streams = new Map<string, Transport>();
  const handler = createMcpHandler(() => protocolServer(script));

  async function streamable(request: Request): Promise<Response> {
    if (script.transport === 'stateless') return handler.fetch(request);
    const id = request.headers.get('mcp-session-id');
    const known = id === null ? undefined : sessions.get(id);
    if (known) return known.handleRequest(request);
    if (id !== null) return new Response('{}', { status: 404 });
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: script.transport === 'json',
      onsessioninitialized: (sessionId) => void sessions.set(sessionId, transport),
      onsessionclosed: (sessionId) => void sessions.delete(sessionId),
    });
    await protocolServer(script).connect(transport);
    return transport.handleRequest(request);
  }

  async function legacy(path: string, method: string, body: string, response: ServerResponse): Promise<void> {
    if (method === 'GET') {
      const id = randomUUID();
      const transport = eventTransport(response);
      streams.set(id, transport);
      response.on('close', () => streams.delete(id));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`event: endpoint\ndata: /messages?session=${id}\n\n`);
      await protocolServer(script).connect(transport);
      return;
    }
    const transport = streams.get(new URL(path, 'http://server').searchParams.get('session') ?? '');
    response.writeHead(transport ? 202 : path === '/mcp' ? 405 : 404).end();
    transport?.onmessage?.(parseJSONRPCMessage(JSON.parse(body)));
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += String(piece);
    requests.push({ method, path, headers, body });
    if (script.instead?.(request, response)) return;
    if (script.transport === 'legacy') return legacy(path, method, body, response);
    const left = new AbortController();
    response.on('close', () => left.abort());
    const result = await streamable(
      new Request(`http://${headers.host}${path}`, {
        method,
        headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
        body: method === 'POST' ? body : undefined,
        signal: left.signal,
      }),
    );
    response.writeHead(result.status, Object.fromEntries(result.headers));
    if (result.body) for await (const piece of result.body) response.write(piece);
    response.end();
  }

  let underWay = 0;
  const server = createServer((request, response) => {
    underWay++;
    response.on('close', () => underWay--);
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    requests,
    sessions: script.transport === 'legacy' ? streams : sessions,
    underWay: () => underWay,
    dropConnections: () => server.closeAllConnections(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function protocolServer({ tools, pageSize = Infinity, call }: ScriptedMcp): Server {
  const server = new Server({ name: 'scripted', version: '1' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', ({ params }) => {
    const start = Number(params?.cursor ?? 0);
    const end = start + pageSize;
    return { tools: tools.slice(start, end), ...(end < tools.length && { nextCursor: String(end) }) };
  });
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    if (!call) throw new Error('no call is expected');
    return call(params.name, params.arguments ?? {}, context.mcpReq.signal);
  });
  return server;
}

function eventTransport(response: ServerResponse): Transport {
  return {
    start: () => Promise.resolve(),
    send: (message) => {
      response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
      return Promise.resolve();
    },
    close: () => {
      response.end();
      return Promise.resolve();
    },
  };
}
