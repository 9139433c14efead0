/** Which vector stores a file was added to, so that the deletion of the file finds them. */
import { isFound } from '../errors';
import type { Scope } from '../scope';
import { orderKey, partitionOf } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { MAX_CHANGES, type Change } from '../storage/ports';
import type { RetrievalPorts } from './retrievalPorts';

/** Of the scope; in it a list for each file, of the ids of stores. An entry may outlive the file's membership, and is then passed over. */
const partitionOfStores = (scope: Scope): string => partitionOf(scope, 'file_stores');

/** Notes that the files are about to be added to the store; at most as many as a write takes changes. */
export async function noteStore(
  { records, now }: Pick<RetrievalPorts, 'records' | 'now'>,
  scope: Scope,
  storeId: string,
  fileIds: string[],
): Promise<void> {
  const partition = partitionOfStores(scope);
  const order = orderKey(now());
  await withRetries(async () => {
    const known = await Promise.all(fileIds.map(async (list) => records.get({ partition, list, id: storeId })));
    const changes = fileIds.flatMap((list, place): Change[] =>
      known[place] ? [] : [{ op: 'create', list, id: storeId, order, value: { id: storeId } }],
    );
    if (changes.length > 0) await records.write(partition, changes);
  });
}

/** Ids of the stores that the file was added to. */
export async function* storesOf(
  records: RetrievalPorts['records'],
  scope: Scope,
  fileId: string,
): AsyncGenerator<string, void, void> {
  let after: string | undefined;
  do {
    const page = await records.list(partitionOfStores(scope), fileId, { order: 'asc', limit: MAX_CHANGES, after });
    yield* page.records.map(({ id }) => id);
    after = page.hasMore ? page.records.at(-1)?.id : undefined;
  } while (after !== undefined);
}

/** Takes the file out of every store that it was added to, with `remove`, which may throw 404. After a crash on the way, calling it again finishes it. */
export async function leaveStores(
  { records }: Pick<RetrievalPorts, 'records'>,
  scope: Scope,
  fileId: string,
  remove: (storeId: string) => Promise<unknown>,
): Promise<void> {
  const partition = partitionOfStores(scope);
  for (;;) {
    const { records: entries } = await records.list(partition, fileId, { order: 'asc', limit: MAX_CHANGES });
    if (entries.length === 0) return;
    for (const { id } of entries) await isFound(remove(id));
    await records.write(
      partition,
      entries.map(({ id }) => ({ op: 'delete', list: fileId, id })),
    );
  }
}
