/** Blobs put at `uploads/{vector_store_id}/{name}` are ingested into that vector store. */
import { app, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { services } from '../app';
import type { Upload } from '../retrieval/uploadFailures';
import type { UploadTrigger } from '../triggerSettings';
import { startFileBatch } from './ingestion';

/** Registers the blob trigger, whose host polls the container or is told of new blobs by Event Grid. */
export function registerBlobUploads({ container, source }: UploadTrigger): void {
  app.storageBlob('uploads', {
    // The host's parameters are greedy, so names with slashes end up in the first: `uploadOf` splits the path itself.
    path: `${container}/{vector_store_id}/{name}`,
    connection: 'AzureWebJobsStorage',
    ...(source === 'EventGrid' && { source }),
    extraInputs: [df.input.durableClient()],
    // The blob is read as a stream, not from the buffer that the host brings. What is thrown here is tried again, and ends as poison.
    handler: async (_blob: unknown, context: InvocationContext) => {
      const path = String(context.triggerMetadata?.blobTrigger);
      const upload = uploadOf(path, container);
      if (!upload) return context.debug(`The blob '${path}' is no upload.`);
      const outcome = await (await services()).retrieval.attachUpload(upload);
      if ('failed' in outcome) return context.error(`The upload '${path}' cannot be ingested: ${outcome.failed}`);
      if ('absent' in outcome) return context.warn(`The upload '${path}' was gone before it was read.`);
      if (outcome.leftOut.length > 0) {
        context.warn(`Metadata of '${path}' beyond the limits of attributes: ${outcome.leftOut.join(', ')}`);
      }
      await startFileBatch(context, outcome.job);
    },
  });
}

/** `uploads/vs_1/a/b.txt` → store `vs_1`, name `a/b.txt`. Event Grid tells of other blobs too, where its subscription has no filter. */
function uploadOf(path: string, uploads: string): Upload | undefined {
  const [, container, storeId, name] = /^([^/]+)\/([^/]+)\/(.+)$/s.exec(path) ?? [];
  return container === uploads && storeId !== undefined && name !== undefined ? { storeId, name } : undefined;
}
