/** The vector stores of a thread, and of its assistant's files of the older form, as a run meets them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunObject } from '../wire/threads';
import type { AssistantsPorts } from './ports';
import { threadKey, type RunReference, type ThreadRecord } from './threadRecords';

/** From the start of the run, as the services have it; a store that an assistant names is not waited for. */
const MAX_WAIT_MILLISECONDS = 60_000;
const LOOK_MILLISECONDS = 100;

/**
 * Waits, 60 s from the run's start at most, until the files of those stores are ingested, so that what was attached to a message is found by the run that answers
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
  const ofThread = found?.value.thread.tool_resources.file_search?.vector_store_ids.slice(0, 1) ?? [];
  // Programs of that time attach files and run at once.
  const ofFiles = run.file_ids.length > 0 ? (run.tool_resources.file_search?.vector_store_ids ?? []) : [];
  const until = (run.started_at ?? run.created_at) * 1000 + MAX_WAIT_MILLISECONDS;
  for (const storeId of new Set([...ofThread, ...ofFiles])) {
    while (!(await vectorStores.noteUse(scope, storeId)) && now() < until) {
      await sleep(LOOK_MILLISECONDS, undefined, { signal });
    }
  }
}
