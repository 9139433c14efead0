/** What libraries are tested before: a host with a scripted model and an MCP server, and a note of what the library sends. */
import { startHost, type Host } from './host';
import { startMcpServer, type RunningMcp } from './mcpServer';
import { startScriptedUpstream, type ScriptedUpstream } from './scriptedUpstream';

/** A request for a response as a library sent it. */
export interface SentRequest {
  input: { type?: string; role?: string; id?: string }[];
  [field: string]: unknown;
}

export interface LibraryHost {
  upstream: ScriptedUpstream;
  /** Has one tool, `search`. */
  mcp: RunningMcp;
  host: Host;
  stop: () => Promise<void>;
}

/** Starts them; the scripted model embeds too. */
export async function startLibraryHost(): Promise<LibraryHost> {
  const upstream = await startScriptedUpstream();
  const mcp = await startMcpServer({
    transport: 'json',
    tools: [{ name: 'search', inputSchema: { type: 'object', properties: { query: { type: 'string' } } } }],
    call: (_name, { query }) => ({ content: [{ type: 'text', text: `All about ${String(query)}` }] }),
  });
  const host = await startHost({
    env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed', MCP_ALLOWED_HOSTS: '127.0.0.1' },
  });
  return {
    upstream,
    mcp,
    host,
    stop: async () => {
      await host.stop();
      await Promise.all([upstream.close(), mcp.close()]);
    },
  };
}

/** `fetch` that adds what is sent to `sent`. */
export const notingFetch =
  (sent: SentRequest[]): typeof fetch =>
  async (url, init) => {
    sent.push(JSON.parse(String(init?.body)));
    return fetch(url, init);
  };
