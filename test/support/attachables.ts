/** Files and vector stores that messages may name, in memory. */
import { Readable } from 'node:stream';
import type { AttachableFiles } from '../../src/agentLoop/ports';
import type { AttachableVectorStores, IngestionJob } from '../../src/assistants/ports';
import { errors } from '../../src/errors';

export function attachables() {
  /** Content by file id. */
  const files = new Map<string, Buffer>();
  /** File ids by store id, in the order they came. */
  const stores = new Map<string, string[]>();
  /** Stores with files that are being ingested. */
  const busy = new Set<string>();
  /** Stores that runs used, in order. */
  const uses: string[] = [];
  let jobs = 0;
  const job = (scope: IngestionJob['scope'], storeId: string): IngestionJob => ({
    scope,
    storeId,
    jobId: `ingest_${(jobs += 1)}`,
  });
  const filePort: AttachableFiles = {
    firstMissing: (_scope, ids) => Promise.resolve(ids.find((id) => !files.has(id))),
    describe: (_scope, ids) =>
      Promise.resolve(
        new Map(
          ids.flatMap((id) => {
            const content = files.get(id);
            return content ? [[id, { filename: id, bytes: content.length, created_at: 0 }] as const] : [];
          }),
        ),
      ),
    open(_scope, id) {
      const content = files.get(id);
      return Promise.resolve(content && { size: content.length, content: Readable.from([content]) });
    },
  };
  const storePort: AttachableVectorStores = {
    check(_scope, ids, param) {
      const missing = ids.find((id) => !stores.has(id));
      return missing === undefined ? Promise.resolve() : Promise.reject(errors.noVectorStore(missing, param));
    },
    createForThread(scope, fileIds) {
      const id = `vs_${stores.size + 1}_${(jobs += 1)}`;
      stores.set(id, fileIds);
      return Promise.resolve(job(scope, id));
    },
    createForAssistant(scope, assistantId, fileIds) {
      const id = `vs_${assistantId}_${(jobs += 1)}`;
      stores.set(id, [...fileIds]);
      return Promise.resolve(job(scope, id));
    },
    addFiles(scope, storeId, fileIds) {
      const held = stores.get(storeId);
      if (!held) return Promise.reject(errors.noVectorStore(storeId));
      held.push(...fileIds);
      return Promise.resolve(job(scope, storeId));
    },
    removeFile(_scope, storeId, fileId) {
      stores.set(
        storeId,
        (stores.get(storeId) ?? []).filter((id) => id !== fileId),
      );
      return Promise.resolve();
    },
    noteUse(_scope, storeId) {
      uses.push(storeId);
      return Promise.resolve(!busy.has(storeId));
    },
    remove(_scope, storeId) {
      stores.delete(storeId);
      return Promise.resolve();
    },
  };
  return { files, stores, busy, uses, filePort, storePort };
}
