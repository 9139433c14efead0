/** The containers that syncs mirror, as the outside gives them. */
import type { Readable } from 'node:stream';

/** A blob of a container as listed. */
export interface SourceBlob {
  /** Segments joined by `/`. */
  name: string;
  /** Changes with the content and metadata. */
  etag: string;
}

export interface BlobSource {
  /** The blobs whose names begin with the prefix, in pages. Throws {@link BlobSourceError} for a container that is not there. */
  list(container: string, prefix: string): AsyncIterable<SourceBlob[]>;
  /** The content as a stream, which the caller must read or destroy; undefined if it is gone. */
  open(
    container: string,
    name: string,
  ): Promise<{ size: number; metadata?: Record<string, string>; content: Readable } | undefined>;
}

/** The container cannot be mirrored; the message is told to the sync's owner. */
export class BlobSourceError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BlobSourceError';
  }
}
