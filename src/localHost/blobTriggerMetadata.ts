/** What a blob trigger tells its function beside the content. */
import type { TriggerBlob } from './blobContainer';
import type { TypedData } from './typedData';

/** Numbers of the real host. */
const blobTypes = { BlockBlob: 0, PageBlob: 1, AppendBlob: 2 };

/**
 * In the real host's letter case, which the library lowers. `path` is `container/name`, `params` the values of the path's parameters; one that is
 * named like a built-in entry replaces it.
 */
export function blobTriggerMetadata(
  blob: TriggerBlob,
  path: string,
  params: Record<string, string>,
): Record<string, TypedData> {
  const properties = {
    LastModified: blob.lastModified.toISOString(),
    CreatedOn: blob.createdOn.toISOString(),
    Metadata: blob.metadata,
    BlobType: blobTypes[blob.type],
    ContentLength: blob.size,
    ContentType: blob.contentType,
    ETag: `"${blob.etag}"`,
  };
  const metadata: Record<string, TypedData> = {
    BlobTrigger: { string: path },
    Uri: { string: blob.uri },
    Properties: { json: JSON.stringify(properties) },
    Metadata: { json: JSON.stringify(blob.metadata) },
  };
  for (const key of Object.keys(params)) {
    for (const builtIn of Object.keys(metadata))
      if (builtIn.toLowerCase() === key.toLowerCase()) delete metadata[builtIn];
    metadata[key] = { string: params[key] ?? '' };
  }
  return metadata;
}
