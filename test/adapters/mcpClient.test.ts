import type { ServerResponse } from 'node:http';
import { ProtocolError, type CallToolResult, type Tool } from '@modelcontextprotocol/server';
import { readAllowedHosts } from '../../src/allowedHosts';
import { createMcpClients, type McpClientOptions } from '../../src/adapters/mcpClient';
import { McpError, type McpClient, type McpClients, type McpServer } from '../../src/responses/mcpPort';
import { startMcpServer, type RunningMcp, type ScriptedMcp } from '../support/mcpServer';

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.close()));
});

const never = new AbortController().signal;
const schema = { type: 'object' as const, properties: { text: { type: 'string' } }, required: ['text'] };
const toolNamed = (name: string): Tool => ({ name, description: `Tool ${name}`, inputSchema: schema });
const text = (said: string): CallToolResult => ({ content: [{ type: 'text', text: said }] });

async function serve(script: Partial<ScriptedMcp> = {}): Promise<RunningMcp & { server: McpServer }> {
  const tools = [toolNamed('echo')];
  const call: ScriptedMcp['call'] = (_, args) => text(`said ${String(args.text)}`);
  const started = await startMcpServer({ transport: 'json', tools, call, ...script });
  running.push(started);
  return { ...started, server: { label: 'scripted', url: started.url } };
}

function clientsOf(options: Partial<McpClientOptions> = {}): McpClients {
  const clients = createMcpClients({ allowedHosts: readAllowedHosts('127.0.0.1'), ...options });
  running.push(clients);
  return clients;
}
const clientOf = (options?: Partial<McpClientOptions>): McpClient => clientsOf(options).open();

async function failureOf(promise: Promise<unknown>): Promise<McpError> {
  const error: unknown = await promise.then(
    () => new Error('it went well'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof McpError) return error;
  throw error;
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};

const bodiesWith = ({ requests }: RunningMcp, method: string): string[] =>
  requests.map(({ body }) => body).filter((body) => body.includes(`"method":"${method}"`));

describe.each(['json', 'events', 'stateless', 'legacy'] as const)('a server that speaks %s', (transport) => {
  it('has the tools of all pages listed, and they are called in the same session', async () => {
    const tools = ['a', 'b', 'c', 'd', 'e'].map(toolNamed);
    tools[1] = { name: 'b', inputSchema: schema, annotations: { readOnlyHint: true } };
    const { server, ...mcp } = await serve({ transport, tools, pageSize: 2 });
    const client = clientOf();
    const listed = await client.listTools(server, never);
    expect(listed.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(listed[0]).toEqual({ name: 'a', description: 'Tool a', input_schema: schema, annotations: null });
    expect(listed[1]).toEqual({
      name: 'b',
      description: null,
      input_schema: schema,
      annotations: { readOnlyHint: true },
    });
    const calls = await Promise.all(['one', 'two'].map((said) => client.callTool(server, 'c', { text: said }, never)));
    expect(calls).toEqual([
      { output: 'said one', error: null },
      { output: 'said two', error: null },
    ]);
    // The older transport is tried after the newer one was refused.
    const handshakes = { json: 1, events: 1, stateless: 0, legacy: 2 };
    expect(bodiesWith(mcp, 'initialize')).toHaveLength(handshakes[transport]);
  });

  it('says itself what went wrong in a tool, and refuses what it does not know by the protocol', async () => {
    const { server } = await serve({
      transport,
      call: (name) => {
        if (name !== 'echo') throw new ProtocolError(-32602, `Unknown tool: ${name}`);
        return { ...text('the disk is full'), isError: true };
      },
    });
    const client = clientOf();
    expect(await client.callTool(server, 'echo', { text: '' }, never)).toEqual({
      output: '',
      error: 'the disk is full',
    });
    const failure = await failureOf(client.callTool(server, 'other', {}, never));
    expect(failure).toMatchObject({ kind: 'protocol', code: -32602 });
    expect(failure.message).toContain('Unknown tool: other');
  });

  it('is told when a call is given up, which ends at once', async () => {
    let stopped = false;
    let started = false;
    const { server, ...mcp } = await serve({
      transport,
      call: (name, _, signal) =>
        new Promise((resolve) => {
          if (name === 'echo') resolve(text('still there'));
          signal.addEventListener('abort', () => {
            stopped = true;
          });
          started = true;
        }),
    });
    const client = clientOf();
    const stop = new AbortController();
    const call = client.callTool(server, 'wait', {}, stop.signal);
    call.catch(() => undefined);
    await until(() => started);
    const reason = new Error('the caller left');
    stop.abort(reason);
    await expect(call).rejects.toBe(reason);
    await until(() => stopped);
    // Of HTTP+SSE, the stream goes on.
    await until(() => mcp.underWay() === (transport === 'legacy' ? 1 : 0));
    expect((await client.callTool(server, 'echo', {}, never)).output).toBe('still there');
  });

  it('that is too slow is a timeout, and another call goes on', async () => {
    const { server } = await serve({
      transport,
      call: (name) => (name === 'echo' ? text('quick') : new Promise(() => undefined)),
    });
    const client = clientOf({ limits: { callTime: 300 } });
    const slow = client.callTool(server, 'slow', {}, never);
    const quick = client.callTool(server, 'echo', {}, never);
    expect((await failureOf(slow)).kind).toBe('timeout');
    expect((await quick).output).toBe('quick');
  });

  it('that breaks off in the middle of a call is unavailable', async () => {
    let started = false;
    const mcp = await serve({
      transport,
      call: () => {
        started = true;
        return new Promise(() => undefined);
      },
    });
    const call = failureOf(clientOf().callTool(mcp.server, 'echo', {}, never));
    await until(() => started);
    await mcp.close();
    running.splice(running.indexOf(mcp), 1);
    expect((await call).kind).toBe('unavailable');
  });

  it('that answers with more than is read is refused', async () => {
    const { server } = await serve({ transport, call: () => text('x'.repeat(300_000)) });
    const failure = await failureOf(clientOf({ limits: { answerBytes: 100_000 } }).callTool(server, 'echo', {}, never));
    expect(failure.kind).toBe(transport === 'legacy' ? 'unavailable' : 'protocol');
  });
});

describe('sessions', () => {
  it('that the server has forgotten are begun anew, once', async () => {
    const { server, ...mcp } = await serve();
    const client = clientOf();
    await client.listTools(server, never);
    mcp.sessions.clear();
    expect((await client.callTool(server, 'echo', { text: 'again' }, never)).output).toBe('said again');
    expect(bodiesWith(mcp, 'initialize')).toHaveLength(2);
    expect(bodiesWith(mcp, 'tools/call')).toHaveLength(2);
  });

  it('whose stream has ended are begun anew', async () => {
    const { server, ...mcp } = await serve({ transport: 'legacy' });
    const client = clientOf();
    await client.listTools(server, never);
    mcp.dropConnections();
    await until(() => mcp.sessions.size === 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect((await client.callTool(server, 'echo', { text: 'again' }, never)).output).toBe('said again');
  });

  it('that are forgotten again and again are an error', async () => {
    const { server } = await serve({
      instead: (request, response) => {
        if (request.method === 'POST' && request.headers['mcp-session-id']) {
          // The handshake alone is let through.
          if (handshakes-- > 0) return false;
          response.writeHead(404).end();
          return true;
        }
        return false;
      },
    });
    let handshakes = 1;
    const client = clientOf();
    expect(await failureOf(client.listTools(server, never))).toMatchObject({ kind: 'http', code: 404 });
  });

  it.each(['json', 'legacy'] as const)('are of one response, and of one set of headers: %s', async (transport) => {
    const { server, ...mcp } = await serve({ transport });
    const clients = clientsOf();
    const [one, other] = [clients.open(), clients.open()];
    await one.listTools(server, never);
    await one.listTools(server, never);
    expect(mcp.sessions.size).toBe(1);
    await other.listTools(server, never);
    expect(mcp.sessions.size).toBe(2);
    await one.listTools({ ...server, authorization: 'another' }, never);
    expect(mcp.sessions.size).toBe(3);
    await one.close();
    await until(() => mcp.sessions.size === 1);
    expect((await failureOf(one.listTools(server, never))).kind).toBe('unavailable');
    await other.close();
    await until(() => mcp.sessions.size === 0);
  });

  it('that nobody uses are ended, and begun anew when they are needed', async () => {
    const { server, ...mcp } = await serve();
    const client = clientOf({ limits: { idleTime: 30 } });
    await client.listTools(server, never);
    await until(() => mcp.sessions.size === 0);
    expect((await client.callTool(server, 'echo', { text: 'later' }, never)).output).toBe('said later');
  });

  it('that are unused make room for others, and those in use do not', async () => {
    let started = 0;
    const one = await serve();
    const busy = await serve({
      call: () => {
        started++;
        return new Promise(() => undefined);
      },
    });
    const clients = clientsOf({ limits: { connections: 1 } });
    const client = clients.open();
    await client.listTools(one.server, never);
    const stop = new AbortController();
    const call = client.callTool(busy.server, 'echo', {}, stop.signal);
    call.catch(() => undefined);
    await until(() => started === 1 && one.sessions.size === 0);
    expect((await failureOf(clients.open().listTools(one.server, never))).kind).toBe('unavailable');
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });
});

describe('what tools put out', () => {
  const outputOf = async (result: CallToolResult, limits?: McpClientOptions['limits']) => {
    const { server } = await serve({ call: () => result });
    return clientOf({ limits }).callTool(server, 'echo', {}, never);
  };

  it('is their text, or their structured content where there is none', async () => {
    const two: CallToolResult = {
      content: [
        { type: 'text', text: 'first' },
        { type: 'text', text: 'second' },
      ],
      structuredContent: { unused: true },
    };
    expect((await outputOf(two)).output).toBe('first\nsecond');
    expect((await outputOf({ content: [], structuredContent: { temperature: 21 } })).output).toBe('{"temperature":21}');
    expect((await outputOf({ content: [] })).output).toBe('');
  });

  it('names images and files without their bytes, and gives links and texts as JSON', async () => {
    const { output } = await outputOf({
      content: [
        { type: 'image', mimeType: 'image/png', data: Buffer.alloc(10).toString('base64') },
        { type: 'resource', resource: { uri: 'file:///a.bin', blob: Buffer.alloc(7).toString('base64') } },
        { type: 'resource', resource: { uri: 'file:///a.txt', text: 'inside' } },
        { type: 'resource_link', uri: 'https://a.example/b', name: 'b' },
      ],
    });
    expect(output.split('\n').map((line): unknown => JSON.parse(line))).toEqual([
      { type: 'image', mimeType: 'image/png', bytes: 10 },
      { type: 'resource', resource: { uri: 'file:///a.bin', bytes: 7 } },
      { type: 'resource', resource: { uri: 'file:///a.txt', text: 'inside' } },
      { type: 'resource_link', uri: 'https://a.example/b', name: 'b' },
    ]);
  });

  it('is cut between characters where it is too long, with a note', async () => {
    const { output } = await outputOf(text('ä'.repeat(100)), { outputBytes: 51 });
    expect(output).toBe(`${'ä'.repeat(25)}\n[Cut: the output is 200 bytes long, and these are the first 51.]`);
  });

  it('that does not keep to a schema whose pattern takes for ever is handed on', async () => {
    const tools: Tool[] = [
      {
        ...toolNamed('echo'),
        outputSchema: { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
      },
    ];
    const call = (): CallToolResult => ({ content: [], structuredContent: { a: `${'a'.repeat(40)}!` } });
    const { server } = await serve({ tools, call });
    const client = clientOf();
    await client.listTools(server, never);
    expect((await client.callTool(server, 'echo', {}, never)).output).toContain('aaa');
  });

  it('of lists is at most 200 tools', async () => {
    const { server } = await serve({
      tools: Array.from({ length: 250 }, (_, at) => toolNamed(`t${at}`)),
      pageSize: 90,
    });
    const tools = await clientOf().listTools(server, never);
    expect(tools.map(({ name }) => name)).toEqual(Array.from({ length: 200 }, (_, at) => `t${at}`));
  });

  it('of a list without an end is refused', async () => {
    const mcp = await serve({ tools: Array.from({ length: 1_000 }, (_, at) => toolNamed(`t${at}`)), pageSize: 1 });
    expect((await failureOf(clientOf().listTools(mcp.server, never))).kind).toBe('protocol');
  });
});

describe('servers that cannot be used', () => {
  const secret = 'token-that-nobody-may-see';
  const withSecrets = (server: McpServer): McpServer => ({
    ...server,
    headers: { 'x-key': `key-${secret}` },
    authorization: secret,
  });
  const refuseWith =
    (status: number, headers: Record<string, string> = {}) =>
    (_: unknown, response: ServerResponse) => {
      response.writeHead(status, headers).end(`{"error":"${secret} is wrong"}`);
      return true;
    };

  it('get headers and token with every request, and see them nowhere in errors', async () => {
    const { server, ...mcp } = await serve({
      call: () => {
        throw new ProtocolError(-32603, `no entry for Bearer ${secret}, key-${secret}`);
      },
    });
    const failure = await failureOf(clientOf().callTool(withSecrets(server), 'echo', {}, never));
    expect(failure.message).toContain('no entry for');
    expect(failure.message).not.toContain(secret);
    for (const { headers } of mcp.requests)
      expect(headers).toMatchObject({ authorization: `Bearer ${secret}`, 'x-key': `key-${secret}` });
  });

  it.each([
    [401, 'authentication'],
    [403, 'authentication'],
    [404, 'http'],
    [429, 'http'],
    [500, 'http'],
    [503, 'http'],
  ])('answer %d: %s, with the status', async (status, kind) => {
    const { server } = await serve({ instead: refuseWith(status) });
    const failure = await failureOf(clientOf().listTools(withSecrets(server), never));
    expect(failure).toMatchObject({ kind, code: status });
    expect(JSON.stringify(failure) + failure.message).not.toContain(secret);
  });

  it('redirect to a private address, or to anywhere else, and are refused; a path of their own is followed', async () => {
    for (const location of ['http://169.254.169.254/mcp', 'http://10.0.0.1/', 'http://example.com/mcp']) {
      const { server } = await serve({ instead: refuseWith(307, { location }) });
      expect((await failureOf(clientOf().listTools(server, never))).kind).toBe('refused_address');
    }
    const { server } = await serve({
      instead: (request, response) => request.url === '/mcp' && refuseWith(307, { location: '/mcp/' })(0, response),
    });
    expect(await clientOf().listTools(server, never)).toHaveLength(1);
  });

  it('are on a private address by name or number, and are not connected to', async () => {
    const { server, ...mcp } = await serve();
    const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    const client = clientOf({ allowedHosts: [], resolve });
    for (const url of [server.url, `http://mcp.example.com:${mcp.port}/mcp`, 'http://[::1]/mcp']) {
      const failure = await failureOf(client.listTools({ label: 'a', url }, never));
      expect(failure.kind).toBe('refused_address');
      expect(failure.message).toContain('MCP_ALLOWED_HOSTS');
    }
    expect(mcp.requests).toHaveLength(0);
  });

  it.each(['ftp://a.example/', 'a.example', 'http://user:pass@a.example/', ''])('have no address: %j', async (url) => {
    const failure = await failureOf(clientOf().listTools({ label: 'a', url }, never));
    expect(failure.kind).toBe('refused_address');
    expect(failure.message).not.toContain('pass@');
  });

  it('would get headers that HTTP does not carry', async () => {
    const { server } = await serve();
    const refused: Record<string, string>[] = [{ 'x-key': `${secret}\nx` }, { 'a b': secret }];
    for (const headers of refused) {
      const failure = await failureOf(clientOf().listTools({ ...server, headers }, never));
      expect(failure.kind).toBe('http');
      expect(failure.message).not.toContain(secret);
    }
  });

  it('are down', async () => {
    expect((await failureOf(clientOf().listTools({ label: 'a', url: 'http://127.0.0.1:9/mcp' }, never))).kind).toBe(
      'unavailable',
    );
  });

  it('never answer the handshake', async () => {
    const { server } = await serve({ instead: () => true });
    const client = clientOf({ limits: { connectTime: 200 } });
    expect((await failureOf(client.listTools(server, never))).kind).toBe('timeout');
    const stop = new AbortController();
    const call = clientOf().listTools(server, stop.signal);
    call.catch(() => undefined);
    stop.abort(new Error('the caller left'));
    await expect(call).rejects.toThrow('the caller left');
  });

  it('are no MCP servers', async () => {
    const { server } = await serve({
      instead: (_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Welcome</p>');
        return true;
      },
    });
    expect((await failureOf(clientOf().listTools(server, never))).kind).toBe('protocol');
  });
});
