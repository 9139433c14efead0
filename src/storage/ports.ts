/**
 * What the capabilities need of a store. Records are small JSON documents, blobs are file contents.
 * Shaped so that SQLite and folders, and Azure Tables and Blob storage, fit without change.
 */
import type { Readable } from 'node:stream';

/** Where a record lives. `partition` is the unit of atomic writes; `list` is one ordered list inside it, such as `messages`. */
export interface RecordKey {
  partition: string;
  list: string;
  id: string;
}

/** A record as read. `etag` changes with every write of the record; `order` is the sort key it was created with. */
export interface StoredRecord<T = unknown> {
  id: string;
  order: string;
  etag: string;
  value: T;
}

/**
 * One change of an atomic write. A record keeps the `order` it was created with.
 * - `create` fails if the record exists.
 * - `replace` fails if the record is absent, or its etag differs from `ifMatch` when given.
 * - `delete` does nothing if the record is absent, unless `ifMatch` is given.
 * - `check` changes no value and fails unless the record still has the etag `ifMatch`; it may renew the etag.
 */
export type Change =
  | { op: 'create'; list: string; id: string; order: string; value: unknown }
  | { op: 'replace'; list: string; id: string; value: unknown; ifMatch?: string }
  | { op: 'delete'; list: string; id: string; ifMatch?: string }
  | { op: 'check'; list: string; id: string; ifMatch: string };

/** Something that must be looked at at a moment, found by the sweep. Its identity is `at`, `kind` and `id`. */
export interface DueRecord {
  /** Unix seconds. */
  at: number;
  kind: string;
  id: string;
  /** What the handler of `kind` needs to find the object, at most 1 KB. */
  data: Record<string, string>;
}

/** Due records that a write adds and removes with its changes. */
export interface DueChanges {
  add?: DueRecord[];
  remove?: Pick<DueRecord, 'at' | 'kind' | 'id'>[];
}

/** Where a page of a list begins and how long it is. `after` and `before` are record ids. */
export interface PageRequest {
  order: 'asc' | 'desc';
  limit: number;
  after?: string;
  before?: string;
}

/** Where a record stands in its list, or stood. */
export interface Place {
  order: string;
  id: string;
}

/** As {@link PageRequest}, from places also, whose records need not be there. */
export interface ListRequest extends Omit<PageRequest, 'after' | 'before'> {
  after?: string | Place;
  before?: string | Place;
}

/** Where a page of names begins and how long it is at most. A shorter one is the last. */
export interface NamesRequest {
  /** A name; it need not be there. */
  after?: string;
  limit: number;
}

export interface RecordPage<T = unknown> {
  records: StoredRecord<T>[];
  /** Whether more records follow in the direction that was read. */
  hasMore: boolean;
}

/** Limits of one atomic write; a larger creation is staged and published by a final write. */
export const MAX_CHANGES = 40;
export const MAX_WRITE_BYTES = 2 * 1024 * 1024;

/** The write's condition did not hold: a record existed, was absent, or had another etag. Nothing was changed. */
export class ConflictError extends Error {
  constructor(readonly key: RecordKey) {
    super(`Record ${key.list}/${key.id} was changed by another writer.`);
    this.name = 'ConflictError';
  }
}

/** The id given as `after` or `before` is not in the list. */
export class UnknownCursorError extends Error {
  constructor(readonly cursor: string) {
    super(`No record '${cursor}' in the list.`);
    this.name = 'UnknownCursorError';
  }
}

export interface Records {
  /** The record, or undefined. Sees every write that was acknowledged before the call. */
  get<T>(key: RecordKey): Promise<StoredRecord<T> | undefined>;
  /**
   * A page of a list in stored order, ties broken by id. Costs O(page) however long the list. With `before` alone the page is the
   * `limit` records just before that id, still in the requested order. Records that stay are neither skipped nor repeated
   * across pages while others are created and deleted. Throws {@link UnknownCursorError}.
   */
  list<T>(partition: string, list: string, page: ListRequest): Promise<RecordPage<T>>;
  /**
   * All changes or none, durable when it resolves; at most {@link MAX_CHANGES} changes, each of another record, and {@link MAX_WRITE_BYTES} of JSON. Returns
   * the new etag of every changed record, '' for deletes, in order. Added due records become visible no later than the
   * changes (a store without transactions across partitions may show them without the changes); removed ones vanish no earlier.
   * Throws {@link ConflictError} when a condition fails, and TooLargeError past the bytes.
   */
  write(partition: string, changes: Change[], due?: DueChanges): Promise<string[]>;
  /** Deletes every record of the partition, in as many steps as it takes; safe to repeat. */
  deletePartition(partition: string): Promise<void>;
  /**
   * Partitions that hold records and whose key begins with `prefix`, in the order of their UTF-8 bytes, behind `after`. Costs a few reads for each, however much
   * they hold. One whose records were all deleted may still be among them.
   */
  partitions(prefix: string, page: NamesRequest): Promise<string[]>;
  /** The lists of a partition in the order of their UTF-8 bytes, behind `after`, at the costs of {@link Records.partitions}. */
  lists(partition: string, page: NamesRequest): Promise<string[]>;
  /** Due records with `at` not after `until` (Unix seconds), earliest first; with `after`, those behind that one, whether or not it is still there. */
  due(until: number, limit: number, after?: Pick<DueRecord, 'at' | 'kind' | 'id'>): Promise<DueRecord[]>;
  /** Adds and removes due records, durable when it resolves; safe to repeat. */
  writeDue(changes: DueChanges): Promise<void>;
  /** Releases files, threads and connections after the writes under way. */
  close(): Promise<void>;
}

export interface BlobInfo {
  /** Bytes. */
  size: number;
  /** What was put with the blob by its owner's tools; absent where the store keeps none, such as plain files. */
  metadata?: Record<string, string>;
}

export interface Blobs {
  /**
   * Streams the content in and publishes it under `name` (segments joined by `/`) whole or not at all; replaces what was there. Rejects with the
   * stream's error, or with {@link BlobTooLargeError} past `maxBytes`. Memory stays constant.
   */
  put(name: string, content: Readable, options?: { maxBytes?: number; signal?: AbortSignal }): Promise<BlobInfo>;
  /** The content as a stream from byte `start` (default 0), or undefined if there is no such blob. */
  open(name: string, start?: number): Promise<{ info: BlobInfo; content: Readable } | undefined>;
  /** Size of the blob, or undefined. */
  info(name: string): Promise<BlobInfo | undefined>;
  /** Deletes the blob; does nothing if it is absent. */
  delete(name: string): Promise<void>;
  /** Deletes every blob whose name begins with these whole segments and has more behind them; resolves with how many that were. Safe to repeat. */
  deleteBelow(segments: string): Promise<number>;
}

/** The content was longer than the `maxBytes` of the call; nothing was stored. */
export class BlobTooLargeError extends Error {
  constructor(readonly maxBytes: number) {
    super(`The content is larger than ${maxBytes} bytes.`);
    this.name = 'BlobTooLargeError';
  }
}
