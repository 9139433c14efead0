/** The vector store of a thread, as a run meets it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunObject } from '../wire/threads';
import type { AssistantsPorts } from './ports';
import { threadKey, type RunReference, type ThreadRecord } from './threadRecords';

/** From the start of the run, as the services have it; the assistant's own store is not waited for. */
const MAX_WAIT_MILLISECONDS = 60_000;
const LOOK_MILLISECONDS = 100;

/**
 * Waits, 60 s from the run's start at most, until the files of the thread's vector store are ingested, so that what was attached to a message is found by the run that answers
 * it. Notes the use of the store, from which its expiry counts. Rejects when `signal` is aborted.
 */
export async function awaitThreadStore(
  { records, vectorStores, now }: Pick<AssistantsPorts, 'records' | 'vectorStores' | 'now'>,
  { scope, threadId }: RunReference,
  run: RunObject,
  signal: AbortSignal,
): Promise<void> {
  if (!run.tools.some(({ type }) => type === 'file_search')) return;
  const found = await records.get<ThreadRecord>(threadKey(scope, threadId));
  const [storeId] = found?.value.thread.tool_resources.file_search?.vector_store_ids ?? [];
  if (storeId === undefined) return;
  const until = (run.started_at ?? run.created_at) * 1000 + MAX_WAIT_MILLISECONDS;
  while (!(await vectorStores.noteUse(scope, storeId)) && now() < until) {
    await sleep(LOOK_MILLISECONDS, undefined, { signal });
  }
}
