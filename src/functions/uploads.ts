/** Blobs put at `uploads/{vector_store_id}/{name}` are ingested into that vector store. */
import { app, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { services } from '../app';
import { startFileBatch } from './ingestion';

/** Registers the blob trigger. */
export function registerUploads(): void {
  app.storageBlob('uploads', {
    // The host's parameters are greedy, so names with slashes end up in the first: `uploadOf` splits the path itself.
    path: 'uploads/{vector_store_id}/{name}',
    connection: 'AzureWebJobsStorage',
    extraInputs: [df.input.durableClient()],
    // The blob is read as a stream, not from the buffer that the host brings. What is thrown here is tried again, and ends as poison.
    handler: async (_blob: unknown, context: InvocationContext) => {
      const { storeId, name } = uploadOf(context.triggerMetadata?.blobTrigger);
      const job = await (await services()).retrieval.attachUpload(storeId, name);
      if (job) await startFileBatch(context, job);
      else context.warn(`The upload '${storeId}/${name}' was gone before it was read.`);
    },
  });
}

/** `uploads/vs_1/a/b.txt` → store `vs_1`, name `a/b.txt`. */
function uploadOf(path: unknown): { storeId: string; name: string } {
  const [, storeId, name] = /^[^/]+\/([^/]+)\/(.+)$/s.exec(String(path)) ?? [];
  if (storeId === undefined || name === undefined) {
    throw new Error(`The upload '${String(path)}' names no vector store. Put it at uploads/{vector_store_id}/{name}.`);
  }
  return { storeId, name };
}
