/** What a blob trigger watches, wherever it is. */
import type { BlobReceipt } from './hostStore';

/** One version of a blob. */
export interface TriggerBlob {
  /** Below its container. */
  name: string;
  uri: string;
  /** Without quotes; another one for each version. */
  etag: string;
  /** Bytes. */
  size: number;
  createdOn: Date;
  lastModified: Date;
  contentType: string | undefined;
  type: 'BlockBlob' | 'PageBlob' | 'AppendBlob';
  /** What its writer set, by the names that the writer gave. */
  metadata: Record<string, string>;
}

export interface BlobContainer {
  /** Milliseconds between passes. */
  readonly intervalMs: number;
  /** Blobs looked at in one pass; the next pass goes on behind them. */
  readonly blobsPerPass: number;
  /** Whether a blob may be seen while it is still written. */
  readonly showsUnfinished: boolean;
  /** Whether a blob that was deleted may come back with the etag of before. */
  readonly reusesEtags: boolean;
  /** Whether Event Grid can tell of its blobs; what waits for that is not polled. */
  readonly hasEvents: boolean;
  /** Rejects when the container can't be watched. */
  start(): Promise<void>;
  /** Every blob, a page at a time. A container that is not there is empty. */
  list(): AsyncGenerator<TriggerBlob>;
  /** The blob as it is now, or undefined if there is none. */
  find(name: string): Promise<TriggerBlob | undefined>;
  /** The content of that version, or undefined if there is another now, or none. */
  read(blob: TriggerBlob): Promise<Buffer | undefined>;
  /** Asks for the right to try a version of a blob; absent where no other host watches. `blob` is `container/name`. */
  claim?(functionName: string, blob: string, etag: string): Promise<ClaimAnswer>;
  /** Ends a listing under way, which rejects. */
  stop(): void;
}

export type ClaimAnswer =
  | Claim
  /** Another host tries the blob now. */
  | { kind: 'taken' }
  /** That version is done, or poison. */
  | { kind: 'settled'; receipt: BlobReceipt };

/** The right to try a blob, which one host has at a time. */
export interface Claim {
  kind: 'claimed';
  /** What the hosts know of the blob; undefined if none has tried it. */
  receipt: BlobReceipt | undefined;
  /** Tells the other hosts. Rejects when the claim was lost. */
  save(receipt: BlobReceipt): Promise<void>;
  release(): Promise<void>;
}
