/** Puts uploaded files into a vector store. */
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenAI } from 'openai';
import type { UnreadFile } from './findFiles';
import type { MadeObjects } from './madeObjects';
import type { Progress } from './progress';

/** Files that one batch takes. */
const BATCH_SIZE = 500;
const POLL_MS = 400;

/**
 * Makes a vector store, notes it in `made`, and adds the files, batch after batch. `names`: file id → name. Returns the files that
 * could not be ingested; throws the SDK's error when the host fails.
 */
export async function ingestFiles(
  client: OpenAI,
  names: ReadonlyMap<string, string>,
  made: MadeObjects,
  expires: boolean,
  progress: Progress,
  signal?: AbortSignal,
): Promise<{ storeId: string; failed: UnreadFile[] }> {
  const expiry = expires ? { expires_after: { anchor: 'last_active_at' as const, days: 1 } } : {};
  // Never cut off: a store that is made without its id coming back would stay.
  const store = await client.vectorStores.create({ name: 'npm run ask', ...expiry });
  made.vectorStoreId = store.id;
  signal?.throwIfAborted();
  const ids = [...names.keys()];
  const before = { done: 0, failed: 0 };
  for (let start = 0; start < ids.length; start += BATCH_SIZE) {
    const file_ids = ids.slice(start, start + BATCH_SIZE);
    const batch = await client.vectorStores.fileBatches.create(store.id, { file_ids }, { signal });
    const failed = await waitForBatch(client, store.id, batch.id, before, progress, signal);
    before.done += file_ids.length;
    before.failed += failed;
  }
  return { storeId: store.id, failed: await failedFiles(client, store.id, names, signal) };
}

/** Waits for the end of a batch; how many of its files failed. */
async function waitForBatch(
  client: OpenAI,
  storeId: string,
  batchId: string,
  before: { done: number; failed: number },
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<number> {
  for (;;) {
    const { status, file_counts } = await client.vectorStores.fileBatches.retrieve(
      batchId,
      { vector_store_id: storeId },
      { signal },
    );
    const failed = file_counts.failed + file_counts.cancelled;
    progress.update(before.done + file_counts.completed + failed, before.failed + failed);
    if (status !== 'in_progress') return failed;
    await delay(POLL_MS, undefined, { signal });
  }
}

async function failedFiles(
  client: OpenAI,
  storeId: string,
  names: ReadonlyMap<string, string>,
  signal: AbortSignal | undefined,
): Promise<UnreadFile[]> {
  const unread: UnreadFile[] = [];
  for await (const file of client.vectorStores.files.list(storeId, { filter: 'failed', limit: 100 }, { signal })) {
    const reason = file.last_error?.message ?? 'The host gives no reason.';
    unread.push({ name: names.get(file.id) ?? file.id, reason });
  }
  return unread;
}
