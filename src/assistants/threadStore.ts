/** The vector stores of a run, before its first turn. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunObject } from '../wire/threads';
import type { AssistantsPorts } from './ports';
import { threadKey, type RunReference, type ThreadRecord } from './threadRecords';

/** From the start of the run, as the services have it; a store that an assistant names is not waited for. */
const MAX_WAIT_MILLISECONDS = 60_000;
const LOOK_MILLISECONDS = 100;

/**
 * Waits, 60 s from the run's start at most, until the files of the thread's store, and of the assistant's files of the older form, are ingested, so that what was
 * attached to a message is found by the run that answers it. Notes the use of every store of the run, from which its expiry counts, whether the model will search it or not.
 * Rejects when `signal` is aborted.
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
  const ofRun = run.tool_resources.file_search?.vector_store_ids ?? [];
  // Programs of the older form attach files and run at once.
  const awaited = new Set(run.file_ids.length > 0 ? [...ofThread, ...ofRun] : ofThread);
  const until = (run.started_at ?? run.created_at) * 1000 + MAX_WAIT_MILLISECONDS;
  for (const storeId of new Set([...ofThread, ...ofRun])) {
    while (!(await vectorStores.noteUse(scope, storeId)) && awaited.has(storeId) && now() < until) {
      await sleep(LOOK_MILLISECONDS, undefined, { signal });
    }
  }
}
