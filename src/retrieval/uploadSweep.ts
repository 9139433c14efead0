/** What the sweep does with uploads: frees the parts of those that are over, and what completions that did not end have left. */
import { z } from 'zod';
import type { DueRecord } from '../storage/ports';
import { fileBlob, fileKey } from './files';
import type { RetrievalPorts } from './retrievalPorts';
import {
  KEPT_SECONDS,
  LATE_SECONDS,
  partBlobs,
  partList,
  uploadDue,
  uploadKey,
  type UploadRecord,
} from './uploadRecords';

const scopeData = z.object({ tenant: z.string(), project: z.string() });

export type UploadSweep = ReturnType<typeof createUploadSweep>;

/** Handlers of the due records; each is safe to repeat, after a crash too. */
export function createUploadSweep({ records, blobs, now }: Pick<RetrievalPorts, 'records' | 'blobs' | 'now'>) {
  /**
   * Frees the parts of an upload that is completed, cancelled or expired: at once, again when nothing can add to them any more, and deletes the upload itself a
   * day behind its expiry.
   */
  async function upload(due: DueRecord): Promise<void> {
    const scope = scopeData.parse(due.data);
    const seconds = Math.floor(now() / 1000);
    const { partition, list, id } = uploadKey(scope, due.id);
    const found = (await records.get<UploadRecord>({ partition, list, id }))?.value;
    const late = (found?.expires_at ?? 0) + LATE_SECONDS;
    if (found?.status !== 'pending' || late <= seconds) {
      await blobs.deleteBelow(partBlobs(scope, id));
      await records.deletePartition(partList(scope, id).partition);
    }
    if (!found) return records.writeDue({ remove: [due] });
    const forgotten = found.expires_at + KEPT_SECONDS;
    if (forgotten <= seconds) {
      await records.write(partition, [{ op: 'delete', list, id }], { remove: [due] });
      return;
    }
    await records.writeDue({ remove: [due], add: [uploadDue(scope, id, seconds < late ? late : forgotten)] });
  }

  /** Deletes the content that a completion has put together for a file which it then did not make: the process ended, or another completion came first. */
  async function unmadeFile(due: DueRecord): Promise<void> {
    const scope = scopeData.parse(due.data);
    if (!(await records.get(fileKey(scope, due.id)))) await blobs.delete(fileBlob(scope, due.id));
    await records.writeDue({ remove: [due] });
  }

  return { upload, unmadeFile };
}
