/** Writes of documents: in requests as large as the service takes, and again what it did not take at once. */
import { setTimeout as wait } from 'node:timers/promises';
import type { IndexDocumentsResult, SearchClient } from '@azure/search-documents';
import { hasStatus } from '../../azureStatus';
import type { SearchDocument } from './chunkDocuments';

/** Most that one request may hold: https://learn.microsoft.com/azure/search/search-limits-quotas-capacity. */
const MAX_ACTIONS = 1_000;
/** Below the 16 MB of a request, which has more in it than the documents. */
const MAX_BYTES = 15_000_000;
const MAX_ATTEMPTS = 8;
/** What the service says of documents that it would take later: a conflict, an index that is being changed, too much at once. */
const PASSING = [409, 422, 429, 503];

/** Writes the documents, each whole. Throws when the service refuses one. */
export async function uploadDocuments(
  client: SearchClient<SearchDocument>,
  documents: Iterable<SearchDocument>,
): Promise<void> {
  for (const batch of batchesOf(documents)) await send(batch, async (part) => client.uploadDocuments(part));
}

/** Removes the documents with those ids, which need not be there. */
export async function deleteDocuments(client: SearchClient<SearchDocument>, ids: string[]): Promise<void> {
  const documents = ids.map((id) => ({ id }));
  for (const batch of batchesOf(documents)) await send(batch, async (part) => client.deleteDocuments(part));
}

function* batchesOf(documents: Iterable<SearchDocument>): Generator<SearchDocument[]> {
  let batch: SearchDocument[] = [];
  let bytes = 0;
  for (const document of documents) {
    const size = Buffer.byteLength(JSON.stringify(document)) + 40;
    if (batch.length > 0 && (batch.length === MAX_ACTIONS || bytes + size > MAX_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(document);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

async function send(
  documents: SearchDocument[],
  write: (documents: SearchDocument[]) => Promise<IndexDocumentsResult>,
): Promise<void> {
  let left = documents;
  for (let attempt = 1; ; attempt += 1) {
    let results;
    try {
      ({ results } = await write(left));
    } catch (error) {
      if (!hasStatus(error, 413) || left.length === 1) throw error;
      const half = Math.ceil(left.length / 2);
      await send(left.slice(0, half), write);
      return send(left.slice(half), write);
    }
    const failed = results.filter(({ succeeded }) => !succeeded);
    if (failed.length === 0) return;
    const final = failed.find(({ statusCode }) => !PASSING.includes(statusCode));
    const told = final ?? failed[0];
    if (final || attempt === MAX_ATTEMPTS) {
      throw new Error(
        `The search service refused ${failed.length} of ${left.length} documents, the first with ${told?.statusCode}: ${told?.errorMessage ?? 'no reason given'}`,
      );
    }
    const keys = new Set(failed.map(({ key }) => key));
    left = left.filter(({ id }) => typeof id === 'string' && keys.has(id));
    // Jitter, so that the instances that were turned away together do not come back together.
    await wait((0.5 + Math.random() / 2) * 100 * 2 ** attempt);
  }
}
