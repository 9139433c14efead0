/**
 * Wires adapters to ports from the settings: the only file that knows everybody. Built on first use, so that importing it costs
 * nothing and throws nothing.
 */
import { join } from 'node:path';
import { folderBlobs } from './adapters/folderBlobs';
import { lanceDbIndex } from './adapters/lanceDb';
import { documentParser } from './adapters/documentParser';
import { localEmbeddings } from './adapters/localEmbeddings';
import { localCompletions, type LocalCompletions } from './adapters/localCompletions';
import { localChatModel, LOCAL_MODEL } from './adapters/localModel';
import { findModelServer } from './adapters/localModelServers';
import { openAiChat } from './adapters/openAiChat';
import { openAiEmbeddings } from './adapters/openAiEmbeddings';
import { openAiUpstream } from './adapters/openAiUpstream';
import { sqliteRecords } from './adapters/sqlite';
import { advanceRun, type RunState } from './assistants/advanceRun';
import { createAssistants, type Assistants } from './assistants/assistants';
import type { AssistantsPorts } from './assistants/ports';
import { createRuns, type Runs } from './assistants/runs';
import type { RunSink } from './assistants/runSink';
import type { RunReference } from './assistants/threadRecords';
import { createThreads, type Threads } from './assistants/threads';
import { ConfigError, readConfig, type Config } from './config';
import type { EdgeSettings } from './http/family';
import { readModelBackends, type ModelBackend } from './modelBackends';
import { createGateway, type Gateway } from './models/gateway';
import { modelRouter } from './models/modelRouter';
import { embeddingIds } from './models/backendChoice';
import { ModelError, type ChatModel, type EmbeddingModel, type EmbeddingModels } from './models/ports';
import { rewriteQueriesWith } from './retrieval/queryRewriting';
import { createRetrieval, type Retrieval } from './retrieval/retrieval';
import type { Blobs, Records } from './storage/ports';
import { observeModelCalls } from './telemetry/modelCalls';
import { startTelemetry, type Telemetry } from './telemetry/sdk';
import { attachableVectorStores, fileSearchTool } from './tools/fileSearch';

/** Length of the built-in embeddings' vectors. */
const LOCAL_DIMENSIONS = 512;

export interface Services {
  storage: { records: Records; blobs: Blobs };
  assistants: Assistants;
  threads: Threads;
  runs: Runs;
  retrieval: Retrieval;
  /** Those of vector stores. */
  embeddings: EmbeddingModels;
  /** Every call to a model service goes through it. */
  gateway: Gateway;
  backends: readonly ModelBackend[];
  /** The built-in models, for callers that ask for them directly. */
  local: {
    completions: LocalCompletions;
    names: readonly string[];
    servesChat(model: string): boolean;
    /** Also any name, where nothing else could serve it. */
    servesEmbeddings(model: string): boolean;
  };
  /** Keys of the backends, which no answer may hold. */
  secrets: readonly string[];
  assistantsPorts: AssistantsPorts;
  /** Moves a run as far as it goes. */
  advance: (reference: RunReference, sink?: RunSink, owner?: string) => Promise<RunState | undefined>;
}

let config: Config | undefined;

/** The settings, read once. Throws {@link ConfigError}. */
export function settings(): Config {
  config ??= readConfig();
  return config;
}

/** What the edge needs of the settings. Throws {@link ConfigError}. */
export const edgeSettings = (): EdgeSettings => settings();

let built: Promise<Services> | undefined;

/** The capabilities, wired on first use; a failed attempt is made again by the next call. */
export async function services(): Promise<Services> {
  built ??= build(settings()).catch((error: unknown) => {
    built = undefined;
    throw error;
  });
  return built;
}

let telemetry: Promise<Telemetry> | undefined;

/** Exports what telemetry still holds; for when the app ends. */
export async function stopTelemetry(): Promise<void> {
  await (await telemetry)?.stop();
}

interface FoundBackends {
  backends: ModelBackend[];
  /** The server that was found, for the log. */
  server?: string;
}
let found: Promise<FoundBackends> | undefined;

/** The configured backends, or else the model server that runs on this machine; looked for once. Throws {@link ConfigError}. */
async function modelBackends(): Promise<FoundBackends> {
  const { backends, localModelServers } = settings();
  if (backends.length > 0) return { backends };
  found ??= findModelServer(localModelServers).then((server) => {
    if (!server) return { backends };
    const single = { OPENAI_BASE_URL: server.baseUrl, AZURE_OPENAI_API_VERSION: '' };
    return {
      backends: readModelBackends(undefined, single, {}).backends,
      server: `${server.name} at ${server.baseUrl}`,
    };
  });
  return found;
}

async function build(config: Config): Promise<Services> {
  const { backends } = await modelBackends();
  telemetry ??= startTelemetry(config.telemetry).catch((error: unknown) => {
    console.error('Telemetry cannot start, and stays off:', error);
    return { isOn: false, stop: () => Promise.resolve() };
  });
  const { isOn } = await telemetry;
  const records = await sqliteRecords(join(config.dataDir, 'records.sqlite'));
  const blobs = folderBlobs(join(config.dataDir, 'blobs'));
  const local = localEmbeddings();
  const logFault = (message: string, error: unknown): void => console.error(message, error);
  const gateway = createGateway({
    backends,
    tenantLimits: config.tenantLimits,
    upstream: openAiUpstream(),
    records,
    observe: isOn ? observeModelCalls(config.telemetry) : undefined,
    logFault,
  });
  const embeddings = embeddingModels(config, gateway, local);
  const localChat = localChatModel(local);
  const chat = modelRouter([localChat, openAiChat(gateway)]);
  const { queryRewriteDeployment: rewriter } = config;
  const retrieval = createRetrieval({
    records,
    blobs,
    index: await lanceDbIndex(join(config.dataDir, 'lancedb')),
    parser: documentParser(),
    embeddings,
    rewriteQueries: rewriter === undefined ? undefined : rewriteQueriesWith(chat, rewriter),
    now: Date.now,
    maxFileBytes: config.maxFileBytes,
  });
  const assistantsPorts: AssistantsPorts = {
    records,
    chat,
    fileSearch: fileSearchTool(retrieval),
    vectorStores: attachableVectorStores(retrieval),
    now: Date.now,
    runExpiresSeconds: config.runExpiresSeconds,
    logFault,
  };
  const assistants = createAssistants(assistantsPorts);
  const threads = createThreads(assistantsPorts);
  return {
    storage: { records, blobs },
    assistants,
    threads,
    runs: createRuns(assistantsPorts, assistants, threads),
    retrieval,
    embeddings,
    gateway,
    backends,
    local: builtIn(localChat, local, backends.length === 0),
    secrets: backends.flatMap(({ apiKey }) => apiKey ?? []),
    assistantsPorts,
    advance: async (reference, sink, owner) => advanceRun(assistantsPorts, reference, sink, owner),
  };
}

function builtIn(chat: ChatModel, embeddings: EmbeddingModel, isAlone: boolean): Services['local'] {
  const names = [LOCAL_MODEL, embeddings.id];
  return {
    completions: localCompletions(chat, embeddings, LOCAL_DIMENSIONS),
    names,
    servesChat: (model) => chat.serves(model),
    servesEmbeddings: (model) => isAlone || model === embeddings.id,
  };
}

/** The built-in embeddings are always there: stores that they filled stay searchable when an upstream takes over. */
function embeddingModels(
  { backends, embeddingDeployment, embeddingTextWeight }: Config,
  gateway: Gateway,
  local: EmbeddingModel,
): EmbeddingModels {
  const ids = embeddingDeployment ? embeddingIds(backends, embeddingDeployment) : [];
  const upstream = ids.map((id) => openAiEmbeddings(gateway, embeddingDeployment ?? '', id, embeddingTextWeight));
  return {
    current: upstream[0] ?? local,
    byId(id) {
      const model = [local, ...upstream].find((known) => known.id === id);
      if (model) return model;
      throw new ModelError(
        'not_found',
        `The vector store was filled with the embedding model '${id}'. Set EMBEDDING_DEPLOYMENT and its endpoint to that model again.`,
      );
    },
  };
}

/** What serves, for the log at start. A wrong setting is named here too. */
export async function startLines(): Promise<string[]> {
  try {
    const { embeddingDeployment, telemetry } = settings();
    const { backends, server } = await modelBackends();
    const notes = telemetry.warnings.map((warning) => `Telemetry: ${warning}`);
    if (server) {
      return [
        ...notes,
        `Models: ${server}, found on this machine, beside the built-in ${LOCAL_MODEL}. LOCAL_MODEL_SERVERS=off leaves it alone.`,
        'Embeddings of vector stores: built in.',
      ];
    }
    if (backends.length === 0) {
      return [
        ...notes,
        `Models: the built-in ${LOCAL_MODEL} (answers from documents only). Set AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS for real ones.`,
        'Embeddings: built in.',
      ];
    }
    const embeddings = embeddingDeployment
      ? `Embeddings: deployment ${embeddingDeployment} there.`
      : 'Embeddings: built in, since EMBEDDING_DEPLOYMENT is not set.';
    return [
      ...notes,
      `Models: ${backends.map(({ baseUrl }) => baseUrl).join(', ')}, beside the built-in ${LOCAL_MODEL}.`,
      embeddings,
    ];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [`Every request will be refused: ${error.message}`];
  }
}
