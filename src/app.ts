/**
 * Wires adapters to ports from the settings: the only file that knows everybody. Built on first use, so that importing it costs
 * nothing and throws nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { azureToken } from './adapters/azureToken';
import { deploymentEmbeddings } from './adapters/dataSources/deploymentEmbeddings';
import { embeddingEndpoint } from './adapters/embeddingEndpoint';
import { createOutgoingGuard } from './adapters/outgoingGuard';
import { fileDownload } from './adapters/fileDownload';
import { createMcpClients } from './adapters/mcpClient';
import { documentParser } from './adapters/documentParser';
import { localEmbeddings } from './adapters/localEmbeddings';
import { extractiveCompletions, localCompletions, type LocalCompletions } from './adapters/localCompletions';
import { localChatModel, LOCAL_MODEL } from './adapters/localModel';
import { findModelServer } from './adapters/localModelServers';
import { openAiChat } from './adapters/openAiChat';
import { openAiCompletions } from './adapters/openAiCompletions';
import { openAiEmbeddings } from './adapters/openAiEmbeddings';
import { openAiUpstream } from './adapters/openAiUpstream';
import { pyodideSandbox } from './adapters/pyodide/pyodideSandbox';
import { sessionPoolSandbox, SESSION_POOL_SCOPE } from './adapters/sessionPool/sessionPoolSandbox';
import { advanceRun, type RunState } from './assistants/advanceRun';
import { createActivities, type Activities } from './activities/activities';
import { createAgents, type Agents } from './agents/agents';
import { createAssistants, type Assistants } from './assistants/assistants';
import type { AssistantsPorts } from './assistants/ports';
import { createRuns, type Runs } from './assistants/runs';
import type { RunSink } from './assistants/runSink';
import type { RunReference } from './assistants/threadRecords';
import { createThreads, type Threads } from './assistants/threads';
import { closeAll } from './closeAll';
import { readConfig, type Config } from './config';
import { auditInstead } from './auditEvent';
import { createContainers, type Containers } from './responses/containers';
import { createConversations, type Conversations } from './responses/conversations';
import { createResponses, type Responses } from './responses/responses';
import { createUpstreamResponses, type UpstreamResponses } from './responses/upstreamResponses';
import type { ResponsesPorts } from './responses/ports';
import { createChatOnYourData, type ChatOnYourData } from './dataSources/chatOnYourData';
import { addLogFields, logFault, logState, outsideLogScope } from './log';
import { apiKeyLookup } from './identity/apiKeyLookup';
import { openDataSources } from './openDataSources';
import { openStorage, type LogFault } from './openStorage';
import type { Principal } from './principal';
import { readModelBackends, type ModelBackend } from './modelBackends';
import { createGateway, type Gateway } from './models/gateway';
import { completionsRouter, modelRouter } from './models/modelRouter';
import { embeddingIds } from './models/backendChoice';
import { createFineTuningJobs, type FineTuningJobs } from './models/fineTuningJobs';
import { ModelError, type ChatModel, type EmbeddingModel, type EmbeddingModels } from './models/ports';
import { keysOf } from './models/scrub';
import { rewriteQueriesWith } from './retrieval/queryRewriting';
import type { VectorIndex } from './retrieval/ports';
import { createRetrieval, type Retrieval } from './retrieval/retrieval';
import type { ScheduledRuns } from './schedules/ports';
import { createSchedules, type Schedules } from './schedules/schedules';
import { HandOver } from './storage/handOver';
import type { Blobs, Records } from './storage/ports';
import { observeModelCalls } from './telemetry/modelCalls';
import { startTelemetry, type Telemetry } from './telemetry/sdk';
import { agingKinds } from './tenants/agingKinds';
import { createAuditLog, type AuditLog } from './tenants/auditLog';
import { createRetention, type Retention } from './tenants/retention';
import { createUsage, type Usage } from './tenants/usage';
import { responseAgents } from './tools/responseAgents';
import { attachableFiles, attachableVectorStores, keptHere } from './tools/attachable';
import { codeInterpreterTool } from './tools/codeInterpreter';
import { fileSearchTool } from './tools/fileSearch';
import { inputFiles } from './tools/inputFiles';
import { talkingAgents } from './tools/talkingAgents';
import type { Sandbox } from './tools/ports';

/** Length of the built-in embeddings' vectors. */
const LOCAL_DIMENSIONS = 512;

export interface Services {
  storage: { records: Records; blobs: Blobs; index: VectorIndex };
  activities: Activities;
  agents: Agents;
  /** The bearer of a key that was made while the hosts run. */
  ofApiKey: (key: string) => Promise<Principal | undefined>;
  assistants: Assistants;
  threads: Threads;
  runs: Runs;
  responses: Responses;
  /** Those of RESPONSES_MODE=upstream. */
  upstreamResponses: UpstreamResponses;
  conversations: Conversations;
  containers: Containers;
  schedules: Schedules;
  chatOnYourData: ChatOnYourData;
  retrieval: Retrieval;
  /** Those of vector stores. */
  embeddings: EmbeddingModels;
  /** Every call to a model service goes through it. */
  gateway: Gateway;
  backends: readonly ModelBackend[];
  fineTuningJobs: FineTuningJobs;
  /** What tenants use of the model services. */
  usage: Usage;
  retention: Retention;
  /** The audit of AUDIT=storage. */
  audit: AuditLog;
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
  /** Ends threads and closes files; what is asked of the services from then on fails. */
  close(): Promise<void>;
  /** Moves a run as far as it goes. */
  advance: (reference: RunReference, sink?: RunSink, owner?: string) => Promise<RunState | undefined>;
}

let config: Config | undefined;

/** The settings, read once. Throws {@link ConfigError}. */
export function settings(): Config {
  config ??= readConfig();
  return config;
}

let built: Promise<Services> | undefined;

/** The capabilities, wired on first use; a failed attempt is made again by the next call. */
export async function services(): Promise<Services> {
  const config = settings();
  built ??= outsideLogScope(async () => build(config)).catch((error: unknown) => {
    built = undefined;
    throw error;
  });
  return built;
}

let telemetry: Promise<Telemetry> | undefined;

/** Closes what was opened, and exports what telemetry still holds; for when the app ends. */
export async function stop(): Promise<void> {
  const opened = await built?.catch(() => undefined);
  const faults = await Promise.allSettled([opened?.close(), telemetry?.then((started) => started.stop())]);
  for (const fault of faults) if (fault.status === 'rejected') logFault('The app did not end cleanly.', fault.reason);
}

interface FoundBackends {
  backends: ModelBackend[];
  /** The server that was found, for the log. */
  server?: string;
}
let found: Promise<FoundBackends> | undefined;

/** The configured backends, or else the model server that runs on this machine; looked for once. Throws {@link ConfigError}. */
export async function modelBackends(): Promise<FoundBackends> {
  const { backends, localModelServers } = settings();
  if (backends.length > 0) return { backends };
  found ??= findModelServer(localModelServers).then((server) => {
    if (!server) return { backends };
    const single = { OPENAI_BASE_URL: server.baseUrl, AZURE_OPENAI_API_VERSION: '' };
    const named = { address: 'LOCAL_MODEL_SERVERS', key: 'OPENAI_API_KEY, with the address in OPENAI_BASE_URL' };
    return {
      backends: readModelBackends(undefined, single, {}).backends.map((backend) => ({ ...backend, settings: named })),
      server: `${server.name} at ${server.baseUrl}`,
    };
  });
  return found;
}

async function build(config: Config): Promise<Services> {
  const { backends } = await modelBackends();
  telemetry ??= startTelemetry(config.telemetry).catch((error: unknown) => {
    logFault('Telemetry cannot start, and stays off.', error);
    return { isOn: false, stop: () => Promise.resolve() };
  });
  const { isOn } = await telemetry;
  const { records, blobs, index, source } = await openStorage(config, logFault);
  const local = localEmbeddings();
  const usage = createUsage({ records, now: Date.now, logFault });
  const audit = createAuditLog({ records, now: Date.now, instead: auditInstead });
  const gateway = createGateway({
    backends,
    meter: usage.meter,
    tenantLimits: config.tenantLimits,
    upstream: openAiUpstream(),
    records,
    observe: isOn ? observeModelCalls(config.telemetry) : undefined,
    logFault,
    logState,
  });
  const embeddings = embeddingModels(config, gateway, local);
  const localChat = localChatModel(local);
  const chat = modelRouter([localChat, openAiChat(gateway)]);
  const { queryRewriteDeployment: rewriter } = config;
  const parser = documentParser();
  const { syncContainers } = config;
  const containersOf = (tenant: string): string[] =>
    syncContainers.flatMap((open) => (open.tenant === undefined || open.tenant === tenant ? [open.container] : []));
  const retrieval = createRetrieval(
    {
      records,
      blobs,
      index,
      parser,
      embeddings,
      rewriteQueries: rewriter === undefined ? undefined : rewriteQueriesWith(chat, rewriter),
      now: Date.now,
      maxFileBytes: config.maxFileBytes,
    },
    { source, containersOf },
  );
  const sandbox = openSandbox(config, logFault);
  const localModels = builtIn(localChat, local, backends.length === 0);
  const handOver = new HandOver();
  const assistantsPorts: AssistantsPorts = {
    records,
    chat,
    fileSearch: fileSearchTool(retrieval),
    vectorStores: attachableVectorStores(retrieval),
    files: attachableFiles(retrieval),
    codeInterpreter: sandbox && codeInterpreterTool(retrieval, sandbox),
    now: Date.now,
    ending: handOver.signal,
    runExpiresSeconds: config.runExpiresSeconds,
    logFault,
  };
  const assistants = createAssistants(assistantsPorts);
  const threads = createThreads(assistantsPorts);
  const runs = createRuns(assistantsPorts, assistants, threads);
  const agents = createAgents({ records, now: Date.now });
  const mcpClients = createMcpClients({ allowedHosts: config.mcpAllowedHosts });
  const download = fileDownload();
  const responsesPorts: ResponsesPorts = {
    records,
    blobs,
    chat,
    fileSearch: assistantsPorts.fileSearch,
    vectorStores: assistantsPorts.vectorStores,
    files: assistantsPorts.files,
    inputFiles: inputFiles({ files: retrieval.files, parser, download, now: Date.now }),
    agents: responseAgents(agents),
    mcp: mcpClients,
    codeInterpreter: assistantsPorts.codeInterpreter,
    now: Date.now,
    ending: handOver.signal,
    logFault,
  };
  const conversations = createConversations(responsesPorts);
  const { advance: advanceResponse, ...others } = createResponses(responsesPorts);
  const responses: Responses = {
    ...others,
    advance: async (reference) => handOver.track(advanceResponse(reference)),
  };
  const advance: Services['advance'] = async (reference, sink, owner) => {
    addLogFields({ run: reference.runId, thread: reference.threadId });
    return handOver.track(advanceRun(assistantsPorts, reference, sink, owner));
  };
  const activities = createActivities({
    records,
    agents: talkingAgents({ agents, responses, assistants, threads, runs, advance }),
    now: Date.now,
    sleep: async (ms, signal) => sleep(ms, undefined, { signal }),
    logFault,
  });
  const guard = createOutgoingGuard({ allowedHosts: config.dataSourceAllowedHosts });
  const dataSources = openDataSources({ ...config, retrieval, guard, logFault });
  return {
    storage: { records, blobs, index },
    activities,
    agents,
    ofApiKey: apiKeyLookup({ records, now: Date.now }),
    assistants,
    threads,
    runs,
    responses,
    upstreamResponses: createUpstreamResponses({
      ...responsesPorts,
      kept: keptHere(retrieval),
      backends: backends.map(({ name }) => name),
    }),
    conversations,
    containers: createContainers({
      ...responsesPorts,
      removeFile: async (scope, id) => retrieval.removeFile(scope, id),
      maxFileBytes: config.maxFileBytes,
    }),
    schedules: createSchedules({ records, runs: scheduledRuns(runs), now: Date.now, logFault }),
    chatOnYourData: createChatOnYourData({
      openers: dataSources.openers,
      chat,
      completions: completionsRouter([
        extractiveCompletions(localChat, localModels.completions),
        openAiCompletions(gateway),
      ]),
      embeddingDeployments: deploymentEmbeddings(gateway, local, localModels.servesEmbeddings),
      embeddingEndpoint: embeddingEndpoint(guard),
    }),
    retrieval,
    embeddings,
    gateway,
    backends,
    fineTuningJobs: createFineTuningJobs({ records, now: Date.now }),
    usage,
    audit,
    retention: createRetention({
      records,
      days: config.retentionDays,
      kinds: agingKinds({ records, blobs, threads, retrieval, conversations }),
      now: Date.now,
      logFault,
    }),
    local: localModels,
    secrets: [...keysOf(backends), ...storageSecrets(config), ...vectorIndexSecrets(config)],
    assistantsPorts,
    close: async () =>
      closeAll([
        () => handOver.end(),
        // What they still hold goes into the records.
        () => usage.close(),
        () => audit.close(),
        // Before what work still uses: that it was closed must not be written as the work's outcome.
        () => records.close(),
        async () => sandbox?.close(),
        () => dataSources.close(),
        () => mcpClients.close(),
        () => download.close(),
        () => guard.close(),
        () => parser.close(),
        () => local.close(),
        () => index.close(),
      ]),
    advance,
  };
}

function scheduledRuns(runs: Runs): ScheduledRuns {
  return {
    check: async (scope, body, threadId) => runs.check(scope, body, threadId),
    create: async (scope, body, { threadId, runId, isNewThread }) =>
      isNewThread
        ? runs.createWithThread(scope, body, { threadId, runId })
        : runs.create(scope, threadId, body, { runId }),
  };
}

/** What runs code; undefined where nothing does. */
function openSandbox(
  { codeInterpreter, sessionPoolEndpoint, pyodidePackageDir }: Config,
  logFault: LogFault,
): Sandbox | undefined {
  if (sessionPoolEndpoint !== undefined) {
    const token = azureToken({ scope: SESSION_POOL_SCOPE, now: Date.now });
    return sessionPoolSandbox({ endpoint: sessionPoolEndpoint, token, logFault });
  }
  return codeInterpreter === 'pyodide' ? pyodideSandbox({ packageDir: pyodidePackageDir, logFault }) : undefined;
}

function vectorIndexSecrets({ vectorIndex }: Config): string[] {
  return vectorIndex.kind === 'azure_search' && vectorIndex.apiKey !== undefined ? [vectorIndex.apiKey] : [];
}

function storageSecrets({ storage }: Config): string[] {
  if (storage.kind === 'embedded') return [];
  const { credential } = storage.account;
  if (credential.kind === 'key') return [credential.key];
  return credential.kind === 'sas' ? [credential.signature] : [];
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
