/**
 * Wires adapters to ports from the settings: the only file that knows everybody. Built on first use, so that importing it costs
 * nothing and throws nothing.
 */
import { join } from 'node:path';
import { folderBlobs } from './adapters/folderBlobs';
import { lanceDbIndex } from './adapters/lanceDb';
import { documentParser } from './adapters/documentParser';
import { localEmbeddings } from './adapters/localEmbeddings';
import { localChatModel, LOCAL_MODEL } from './adapters/localModel';
import { openAiChat, openAiEmbeddings } from './adapters/openAiHttp';
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
import { modelRouter } from './models/modelRouter';
import { ModelError, type EmbeddingModel, type EmbeddingModels } from './models/ports';
import { createRetrieval, type Retrieval } from './retrieval/retrieval';
import type { Blobs, Records } from './storage/ports';
import { attachableVectorStores, fileSearchTool } from './tools/fileSearch';

export interface Services {
  storage: { records: Records; blobs: Blobs };
  assistants: Assistants;
  threads: Threads;
  runs: Runs;
  retrieval: Retrieval;
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

async function build(config: Config): Promise<Services> {
  const records = await sqliteRecords(join(config.dataDir, 'records.sqlite'));
  const blobs = folderBlobs(join(config.dataDir, 'blobs'));
  const local = localEmbeddings();
  const embeddings = embeddingModels(config, local);
  const retrieval = createRetrieval({
    records,
    blobs,
    index: await lanceDbIndex(join(config.dataDir, 'lancedb')),
    parser: documentParser(),
    embeddings,
    now: Date.now,
    maxFileBytes: config.maxFileBytes,
  });
  const upstream = config.backend ? [openAiChat(config.backend)] : [];
  const assistantsPorts: AssistantsPorts = {
    records,
    chat: modelRouter([localChatModel(local), ...upstream]),
    fileSearch: fileSearchTool(retrieval),
    vectorStores: attachableVectorStores(retrieval),
    now: Date.now,
    runExpiresSeconds: config.runExpiresSeconds,
    logFault: (message, error) => console.error(message, error),
  };
  const assistants = createAssistants(assistantsPorts);
  const threads = createThreads(assistantsPorts);
  return {
    storage: { records, blobs },
    assistants,
    threads,
    runs: createRuns(assistantsPorts, assistants, threads),
    retrieval,
    assistantsPorts,
    advance: async (reference, sink, owner) => advanceRun(assistantsPorts, reference, sink, owner),
  };
}

/** The built-in embeddings are always there: stores that they filled stay searchable when an upstream takes over. */
function embeddingModels({ backend, embeddingDeployment }: Config, local: EmbeddingModel): EmbeddingModels {
  const upstream = backend && embeddingDeployment ? openAiEmbeddings(backend, embeddingDeployment) : undefined;
  return {
    current: upstream ?? local,
    byId(id) {
      const model = [local, upstream].find((known) => known?.id === id);
      if (model) return model;
      throw new ModelError(
        'not_found',
        `The vector store was filled with the embedding model '${id}'. Set EMBEDDING_DEPLOYMENT and its endpoint to that model again.`,
      );
    },
  };
}

/** What serves, for the log at start. A wrong setting is named here too. */
export function startLines(): string[] {
  try {
    const { backend, embeddingDeployment } = settings();
    if (!backend) {
      return [
        `Models: the built-in ${LOCAL_MODEL} (answers from documents only). Set AZURE_OPENAI_ENDPOINT or OPENAI_BASE_URL for real ones.`,
        'Embeddings: built in.',
      ];
    }
    const embeddings = embeddingDeployment
      ? `Embeddings: deployment ${embeddingDeployment} there.`
      : 'Embeddings: built in, since EMBEDDING_DEPLOYMENT is not set.';
    return [`Models: ${backend.baseUrl}, beside the built-in ${LOCAL_MODEL}.`, embeddings];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [`Every request will be refused: ${error.message}`];
  }
}
