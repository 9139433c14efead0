/** Chat on your data: the conversation becomes queries, these find documents in a source, and the model answers from them. The same for all sources. */
import { errors } from '../errors';
import {
  ModelError,
  type ChatModel,
  type Completion,
  type CompletionBody,
  type CompletionChunk,
  type Completions,
  type Usage,
} from '../models/ports';
import { contextWindow, smallerWindow } from '../models/promptTokens';
import type { Scope } from '../scope';
import type { DataSourceConfiguration, EmbeddingDependency } from '../wire/dataSources';
import { cutDocuments, type CutDocument } from './cutDocuments';
import { groundedChunks, groundedCompletion, type Grounding } from './groundedAnswer';
import { groundedPrompt } from './groundedPrompt';
import { messageContext } from './messageContext';
import { openDataSource } from './openDataSource';
import { SourceError, type DataSource, type DataSourceOpeners, type SourceDocument } from './ports';
import { queryVectors, type QueryVectorPorts } from './queryVectors';
import { retrieveDocuments } from './retrieveDocuments';
import { literalQueries, searchQueries, USUAL_SEARCH_QUERIES, type SearchIntent } from './searchQueries';
import { unansweredChunks, unansweredCompletion } from './unansweredCompletion';

/** The service's, where a request does not say. */
const USUAL_STRICTNESS = 3;
const USUAL_TOP_DOCUMENTS = 5;
/** Documents asked of the source for each query at least, so that there is something to cut. */
const LEAST_RETRIEVED = 20;

export interface ChatOnYourDataPorts extends QueryVectorPorts {
  openers: DataSourceOpeners;
  /** Writes the queries. */
  chat: ChatModel;
  /** Answers. */
  completions: Completions;
}

/** A chat completion over a source. */
export interface GroundedRequest {
  scope: Scope;
  /** What is passed on to the model; without what only concerns the source or the stream. */
  body: CompletionBody;
  configuration: DataSourceConfiguration;
}

export interface ChatOnYourData {
  /** The answer as a whole. Throws ApiError, or the signal's reason. */
  whole(request: GroundedRequest, signal: AbortSignal): Promise<Completion>;
  /** The chunks of the answer without `[DONE]`; the usage only where it is asked for. Throws as `whole`, before the first chunk wherever that can be known. */
  chunks(
    request: GroundedRequest,
    includeUsage: boolean,
    signal: AbortSignal,
  ): AsyncGenerator<CompletionChunk, void, void>;
}

/** What was found for a request. */
interface Findings {
  queries: string[];
  usage?: Usage;
  /** Best first, each that was cut with the reason. */
  retrieved: CutDocument[];
}

/** Builds the capability over its ports. */
export function createChatOnYourData(ports: ChatOnYourDataPorts): ChatOnYourData {
  const { openers, chat, completions } = ports;

  async function find({ scope, body, configuration }: GroundedRequest, signal: AbortSignal): Promise<Findings> {
    const { parameters } = configuration;
    const source = await openDataSource(openers, configuration, scope, signal);
    const { queries, usage } = await intentOf(body, parameters.max_search_queries, scope, signal);
    const topDocuments = parameters.top_n_documents ?? USUAL_TOP_DOCUMENTS;
    const dependency =
      configuration.type === 'vector_store' ? undefined : configuration.parameters.embedding_dependency;
    const limit = Math.max(LEAST_RETRIEVED, topDocuments);
    const asked = await withVectors(source, dependency, queries, scope, signal);
    const found = await retrieveDocuments(
      source,
      asked.map((query) => ({ ...query, limit })),
      parameters.allow_partial_result ?? false,
      signal,
    );
    const retrieved = cutDocuments(found, source.scale, parameters.strictness ?? USUAL_STRICTNESS, topDocuments);
    return { queries, usage, retrieved };
  }

  async function intentOf(
    body: CompletionBody,
    most = USUAL_SEARCH_QUERIES,
    { tenant }: Scope,
    signal: AbortSignal,
  ): Promise<SearchIntent> {
    const { model, messages, reasoning_effort: effort } = body;
    if (completions.isExtractive(model)) return { queries: literalQueries(messages) };
    const reasoningEffort = typeof effort === 'string' ? effort : undefined;
    return searchQueries(chat, model, messages, most, { tenant, reasoningEffort, signal });
  }

  async function withVectors(
    source: DataSource,
    dependency: EmbeddingDependency | undefined,
    queries: string[],
    scope: Scope,
    signal: AbortSignal,
  ): Promise<{ text: string; vector?: Float32Array }[]> {
    if (queries.length === 0) return [];
    const vectors = await queryVectors(ports, source, dependency, queries, scope, signal);
    return queries.map((text, place) => ({ text, vector: vectors?.[place] }));
  }

  /** Asks the model with a prompt that fits; again with a smaller one where the service says that its context is smaller than its name tells. */
  async function asked<T>(
    { body, configuration: { parameters } }: GroundedRequest,
    findings: Findings,
    ask: (body: CompletionBody, grounding: Grounding) => Promise<T>,
  ): Promise<T> {
    const kept = findings.retrieved.filter(({ filterReason }) => !filterReason);
    for (let window = contextWindow(body.model); ;) {
      const { messages, documents } = await groundedPrompt({
        body,
        documents: kept,
        inScope: parameters.in_scope ?? true,
        roleInformation: parameters.role_information,
        window,
        asSearchResults: completions.isExtractive(body.model),
      });
      try {
        return await ask({ ...body, messages }, groundingOf(findings, documents, parameters.include_contexts));
      } catch (error) {
        const smaller = smallerWindow(error, window);
        if (smaller === undefined) throw error;
        window = smaller;
      }
    }
  }

  /** What the model makes of what is found, or `unanswered` where it is not to be asked. */
  async function answered<T>(
    request: GroundedRequest,
    signal: AbortSignal,
    unanswered: (grounding: Grounding) => T,
    ask: (body: CompletionBody, grounding: Grounding) => Promise<T>,
  ): Promise<T> {
    const findings = await find(request, signal);
    return isUnanswered(request, findings)
      ? unanswered(groundingOf(findings, [], request.configuration.parameters.include_contexts))
      : asked(request, findings, ask);
  }

  return {
    async whole(request, signal) {
      const { body, scope } = request;
      return told(request, signal, async () =>
        answered(
          request,
          signal,
          (grounding) => groundedCompletion(unansweredCompletion(body), grounding),
          async (sent, grounding) => groundedCompletion(await completions.whole(sent, signal, scope.tenant), grounding),
        ),
      );
    },
    async *chunks(request, includeUsage, signal) {
      const { body, scope } = request;
      const begun = await told(request, signal, async () =>
        answered<Begun & { grounding: Grounding }>(
          request,
          signal,
          (grounding) => ({ chunks: unansweredChunks(body), grounding }),
          async (sent, grounding) => {
            const chunks = completions.chunks(sent, signal, scope.tenant);
            return { first: await chunks.next(), chunks, grounding };
          },
        ),
      );
      const answer = groundedChunks(fromFirst(begun), begun.grounding, includeUsage);
      try {
        for (;;) {
          const next = await told(request, signal, async () => answer.next());
          if (next.done) return;
          yield next.value;
        }
      } finally {
        await answer.return();
        await begun.chunks.return();
      }
    },
  };
}

interface Begun {
  first?: IteratorResult<CompletionChunk, void>;
  chunks: AsyncGenerator<CompletionChunk, void, void>;
}

async function* fromFirst({ first, chunks }: Begun): AsyncGenerator<CompletionChunk, void, void> {
  if (first?.done) return;
  if (first) yield first.value;
  yield* chunks;
}

/** Nothing was found, and only the documents may answer. What must be JSON the model has to write all the same. */
function isUnanswered({ body, configuration }: GroundedRequest, { retrieved }: Findings): boolean {
  const { response_format: format } = body;
  const isText = typeof format !== 'object' || format === null || !('type' in format) || format.type === 'text';
  const inScope = configuration.parameters.in_scope ?? true;
  return inScope && isText && retrieved.every(({ filterReason }) => filterReason);
}

function groundingOf(
  { queries, usage, retrieved }: Findings,
  given: SourceDocument[],
  include: DataSourceConfiguration['parameters']['include_contexts'],
): Grounding {
  // The first of those that were kept found room in the prompt.
  let place = 0;
  const shown = retrieved.map((document): CutDocument =>
    document.filterReason || place++ < given.length ? document : { ...document, filterReason: 'rerank' },
  );
  return { documents: given.length, usage, context: messageContext({ queries, retrieved: shown, given }, include) };
}

/** What goes wrong, as the caller is told it. */
async function told<T>({ configuration }: GroundedRequest, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceError) throw errors.dataSourceFailed(configuration.type, error, error);
    throw error instanceof ModelError ? errors.modelFailed(error, error) : error;
  }
}
