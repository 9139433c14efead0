/** A vector store about pets, and a scripted model that writes queries and answers from it: what the tests of chat on your data talk to. */
import type OpenAI from 'openai';
import { soon } from './polling';
import { reply, type Reply, type ScriptedUpstream, type UpstreamBody } from './scriptedUpstream';

export const pets = {
  'dog.txt': 'Care for a dog: walk the dog twice a day and brush it every week.',
  'puppy.txt': 'A dog that is young needs care: feed it four times a day.',
  'cat.txt': 'A cat sleeps for sixteen hours and cleans itself.',
};

/** Fills a store with {@link pets}; gives its id. */
export async function petStore(client: OpenAI): Promise<string> {
  const { id } = await client.vectorStores.create({ name: 'pets' });
  const files = Object.entries(pets).map(([name, text]) => new File([text], name));
  await client.vectorStores.fileBatches.uploadAndPoll(id, { files }, soon);
  return id;
}

const systemOf = ({ messages }: UpstreamBody): string =>
  String(messages?.find(({ role }) => role === 'system')?.content);

/** Whether a call asks for search queries. */
export const asksForQueries = (body: UpstreamBody): boolean => systemOf(body).startsWith('You write queries');

/** The prompts of the answers that were asked for. */
export const prompts = (upstream: ScriptedUpstream): UpstreamBody[] =>
  upstream.requests.flatMap(({ kind, body }) => (kind === 'chat' && !asksForQueries(body) ? [body] : []));

/** The system message of the only answer that was asked for. */
export const promptOf = (upstream: ScriptedUpstream): string => systemOf(prompts(upstream)[0] ?? {});

/** Has the model write these queries and give this answer. */
export function answerWith(upstream: ScriptedUpstream, answer: string | Reply, queries = ['care for a dog']): void {
  upstream.on((body, { kind }) => {
    if (kind !== 'chat') return undefined;
    if (asksForQueries(body)) return reply.text(JSON.stringify(queries));
    return typeof answer === 'string' ? reply.text(answer, { chunks: 40 }) : answer;
  });
}

/** The request's fields, which the SDK does not know. */
export const over = (storeId: string, parameters: object = {}) => ({
  data_sources: [{ type: 'vector_store', parameters: { vector_store_ids: [storeId], ...parameters } }],
});

/** What the SDK does not know of an answer. */
export interface Context {
  citations?: { content: string; title?: string; filepath?: string; chunk_id?: string }[];
  intent?: string;
  all_retrieved_documents?: {
    content: string;
    search_queries: string[];
    data_source_index: number;
    original_search_score: number;
    filter_reason?: string;
  }[];
}

/** The context of a message or a delta. */
export const contextOf = (message: object | undefined): Context | undefined =>
  (message as { context?: Context } | undefined)?.context;
