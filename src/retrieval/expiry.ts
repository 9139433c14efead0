/** What the sweep does with vector stores and files that expire. */
import { z } from 'zod';
import type { DueRecord } from '../storage/ports';
import type { FileObject } from '../wire/vectorStores';
import { storeExpiryDue } from './expiryDue';
import { fileBlob, fileKey } from './files';
import type { RetrievalPorts } from './retrievalPorts';
import { isExpired, STORE, storeKey, storePartition, type StoreRecord } from './storeRecords';
import type { WriteStore } from './storeWrites';

/** An expired store whose files are still being ingested is looked at again after these seconds. */
const BUSY_SECONDS = 3_600;

const scopeData = z.object({ tenant: z.string(), project: z.string() });

export type Expiry = ReturnType<typeof createExpiry>;

/** Handlers of the due records; each is safe to repeat, after a crash too. */
export function createExpiry({ records, blobs, index, now }: RetrievalPorts, writeStore: WriteStore) {
  const seconds = (): number => Math.floor(now() / 1000);

  /**
   * Frees the chunks of a store that has expired. Its records stay, so that it shows as expired and its files can be listed and put into another store. One
   * that was used meanwhile is left alone until its new expiry.
   */
  async function store(due: DueRecord): Promise<void> {
    const scope = scopeData.parse(due.data);
    const again = await writeStore(scope, due.id, async () => {
      const found = await records.get<StoreRecord>(storeKey(scope, due.id));
      if (!found) return [];
      if (!isExpired(found.value, seconds())) return storeExpiryDue(scope, found.value);
      if (found.value.file_counts.in_progress > 0) return [{ ...due, at: seconds() + BUSY_SECONDS }];
      // The mark first: a use that was under way when the store expired can't bring it back without its chunks.
      const value: StoreRecord = { ...found.value, freed: true };
      await records.write(storePartition(scope, due.id), [
        { op: 'replace', list: STORE, id: due.id, value, ifMatch: found.etag },
      ]);
      await index.deleteStore({ tenant: scope.tenant, id: due.id });
      return [];
    });
    await records.writeDue({ remove: [due], add: again });
  }

  /** Deletes content and record of a file that has expired. Vector stores keep what they have ingested of it. */
  async function file(due: DueRecord): Promise<void> {
    const scope = scopeData.parse(due.data);
    const { partition, ...key } = fileKey(scope, due.id);
    const found = await records.get<FileObject>({ partition, ...key });
    const at = found?.value.expires_at ?? null;
    if (found && at !== null && at > seconds()) return records.writeDue({ remove: [due], add: [{ ...due, at }] });
    if (found && at !== null) {
      await blobs.delete(fileBlob(scope, due.id));
      await records.write(partition, [{ op: 'delete', ...key, ifMatch: found.etag }]);
    }
    await records.writeDue({ remove: [due] });
  }

  return { store, file };
}
