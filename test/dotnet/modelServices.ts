/** What stands behind the host that the .NET tests call: model services of every family, the five data sources, and an MCP server. */
import { asksForQueries } from '../support/petStore';
import { startMcpServer } from '../support/mcpServer';
import { formField, startScriptedMedia, type MediaHandler } from '../support/scriptedMedia';
import { reply, startScriptedUpstream, type Reply, type UpstreamBody } from '../support/scriptedUpstream';
import { startFiveSources } from '../sources/fiveSources';

export interface ModelServices {
  /** Settings of the host. */
  settings: Record<string, string>;
  /** Variables of the tests: DATA_SOURCES, entries of `data_sources` as JSON, and MCP_URL. */
  variables: Record<string, string>;
  close: () => Promise<void>;
}

/** Models of {@link startScriptedMedia}; every other name is a model for chat or embeddings. */
const MEDIA = ['ears', 'painter', 'voice', 'moderator'];

/** Starts them. `script` decides what the model answers; undefined leaves it to the default. */
export async function startModelServices(script: (body: UpstreamBody) => Reply | undefined): Promise<ModelServices> {
  const [chat, media, sources, mcp] = await Promise.all([
    startScriptedUpstream({ style: 'azure' }),
    startScriptedMedia(),
    startFiveSources({ deployment: 'embed' }),
    startMcpServer({
      transport: 'json',
      tools: [{ name: 'search', inputSchema: { type: 'object', properties: { query: { type: 'string' } } } }],
      call: (_, { query }) => ({ content: [{ type: 'text', text: `Found ${String(query)}.` }] }),
    }),
  ]);
  chat.on((body, { kind }) => {
    if (kind !== 'chat') return undefined;
    return asksForQueries(body) ? reply.text('["warranty"]') : script(body);
  });
  media.on(verboseTranscription);
  const backends = [
    {
      name: 'media',
      kind: 'openai',
      base_url: media.url,
      api_key: 'upstream-key',
      deployments: Object.fromEntries(MEDIA.map((name) => [name, name])),
    },
    { name: 'chat', kind: 'azure', endpoint: chat.azureEndpoint, api_key: 'upstream-key', priority: 1 },
  ];
  return {
    settings: { ...sources.env, MODEL_BACKENDS: JSON.stringify(backends), MCP_ALLOWED_HOSTS: '127.0.0.1' },
    variables: { DATA_SOURCES: JSON.stringify(sources.sources), MCP_URL: mcp.url },
    close: async () => void (await Promise.all([chat.close(), media.close(), sources.close(), mcp.close()])),
  };
}

const verboseTranscription: MediaHandler = (request) =>
  formField(request, 'response_format') === 'verbose_json'
    ? {
        body: JSON.stringify({
          task: 'transcribe',
          language: 'english',
          duration: 3.5,
          text: 'Plain words.',
          words: [
            { word: 'Plain', start: 0, end: 1 },
            { word: 'words', start: 1, end: 2 },
          ],
          segments: [
            {
              id: 0,
              seek: 0,
              start: 0,
              end: 3.5,
              text: 'Plain words.',
              tokens: [1],
              temperature: 0,
              avg_logprob: -0.2,
              compression_ratio: 1.1,
              no_speech_prob: 0.01,
            },
          ],
        }),
      }
    : undefined;
