/** `choices[].message.context`: what an answer tells of the documents behind it (components.md section 6.6). Pure. */
import type { CommonParameters } from '../wire/dataSources';
import type { CutDocument } from './cutDocuments';
import type { SourceDocument } from './ports';
import { intentText } from './searchQueries';

type ContextName = NonNullable<CommonParameters['include_contexts']>[number];

const USUAL_CONTEXTS: ContextName[] = ['citations', 'intent'];
/** Sources do not always number the chunks of a document; the service says this then. */
const ONLY_CHUNK = '0';
/** There is exactly one. */
const DATA_SOURCE_INDEX = 0;

export interface ContextParts {
  queries: string[];
  /** Everything that was retrieved. */
  retrieved: CutDocument[];
  /** What the model was given, in the order of its markers. */
  given: SourceDocument[];
}

/**
 * The properties asked for. `citations` are all documents that the model was given, whether or not it cites them: in a stream they arrive before the text,
 * and `[docN]` is place N among them, as with the service. Undefined where nothing is asked for.
 */
export function messageContext(
  { queries, retrieved, given }: ContextParts,
  include: ContextName[] | undefined,
): Record<string, unknown> | undefined {
  const asked = new Set(include ?? USUAL_CONTEXTS);
  if (asked.size === 0) return undefined;
  return {
    ...(asked.has('citations') && { citations: given.map(citationOf) }),
    ...(asked.has('intent') && { intent: intentText(queries) }),
    ...(asked.has('all_retrieved_documents') && { all_retrieved_documents: retrieved.map(retrievedDocument) }),
  };
}

const citationOf = ({ content, title, url, filepath, chunkId, rerankScore }: SourceDocument) => ({
  content,
  ...(title !== undefined && { title }),
  ...(url !== undefined && { url }),
  ...(filepath !== undefined && { filepath }),
  chunk_id: chunkId ?? ONLY_CHUNK,
  ...(rerankScore !== undefined && { rerank_score: rerankScore }),
});

const retrievedDocument = (document: CutDocument) => ({
  ...citationOf(document),
  search_queries: document.searchQueries,
  data_source_index: DATA_SOURCE_INDEX,
  original_search_score: document.originalScore ?? document.score,
  ...(document.filterReason && { filter_reason: document.filterReason }),
});
