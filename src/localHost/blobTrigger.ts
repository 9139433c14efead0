/**
 * The blob trigger: files below `DATA_DIR/blobs/{container}` are its blobs. Each version of a file (its time and size) invokes
 * the function once it has stopped changing; a failure is tried again up to five times, then the blob counts as poison.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { resolveSettings } from './appSettings';
import { blobFile, blobFiles, type BlobFile } from './blobFiles';
import { parseBlobPath, type BlobPath } from './blobPath';
import type { FunctionInvoker } from './functionInvoker';
import type { HostFunction } from './functionTable';
import type { HostLog } from './hostLog';
import type { BlobReceipt, HostStore } from './hostStore';
import { Semaphore } from './semaphore';
import type { TypedData } from './typedData';

const MAX_TRIES = 5;
const MAX_PARALLEL = 8;
/** Larger blobs (bytes) run one at a time, for each is in memory whole. */
const LARGE_BLOB_BYTES = 64 * 1024 * 1024;
/** Files looked at in one pass; the next pass goes on behind them. */
const FILES_PER_PASS = 2_000;
/** Files remembered between scans to see whether they still change. */
const MAX_OBSERVED = 10_000;

export interface BlobTriggerOptions {
  /** Folder of the containers. */
  blobsFolder: string;
  /** Milliseconds between passes; a failed try waits this long, then twice, four times and eight times as long. */
  intervalMs: number;
  env: NodeJS.ProcessEnv;
}

export class BlobTrigger {
  private readonly path: BlobPath;
  private readonly folder: string;
  private readonly places = new Semaphore(MAX_PARALLEL);
  private readonly largePlace = new Semaphore(1);
  /** Blob → its try under way. */
  private readonly running = new Map<string, Promise<void>>();
  /** Blob → etag in the last scan of the whole folder, and in the one under way. */
  private observed = new Map<string, string>();
  private observing = new Map<string, string>();
  private files: AsyncGenerator<BlobFile> | undefined;
  /** Files of the scan under way that have a receipt. */
  private receiptsSeen = 0;
  private timer: NodeJS.Timeout | undefined;
  private passing: Promise<void> = Promise.resolve();
  private stopped = false;

  /** Throws an Error when the binding's path is wrong. */
  constructor(
    private readonly entry: HostFunction,
    private readonly invoker: FunctionInvoker,
    private readonly store: HostStore,
    private readonly log: HostLog,
    private readonly options: BlobTriggerOptions,
  ) {
    this.path = parseBlobPath(resolveSettings(String(entry.trigger.path ?? ''), options.env));
    this.folder = join(options.blobsFolder, this.path.container);
  }

  async start(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    this.schedule(0);
  }

  /** Begins nothing more and waits for the tries under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.passing;
    await Promise.all(this.running.values());
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.passing = this.pass().catch((error: unknown) => {
        this.files = undefined;
        this.log.error(`Blob trigger '${this.entry.name}': the scan failed and begins anew: ${messageOf(error)}`);
      });
      void this.passing.then(() => this.schedule(this.options.intervalMs));
    }, delayMs);
  }

  private async pass(): Promise<void> {
    this.files ??= blobFiles(this.folder);
    for (let count = 0; count < FILES_PER_PASS && !this.stopped; count++) {
      const { value: file, done } = await this.files.next();
      if (done || !file) {
        this.files = undefined;
        await this.forgetDeleted();
        this.receiptsSeen = 0;
        this.observed = this.observing;
        this.observing = new Map();
        return;
      }
      if (await this.consider(file)) this.receiptsSeen += 1;
    }
  }

  /** Begins a try of the file if one is due; waits while all places are taken. Whether the file has a receipt. */
  private async consider(file: BlobFile): Promise<boolean> {
    const params = this.path.match(file.name);
    const blob = `${this.path.container}/${file.name}`;
    if (!params) return false;
    if (this.running.has(blob)) return true;
    const known = this.store.receipt(this.entry.name, blob);
    if (!this.isDue(file, blob, known)) return known !== undefined;
    const free = await this.places.acquire();
    if (this.stopped) free();
    else this.begin(file, blob, params, known?.etag === file.etag ? known.tries + 1 : 1, free);
    return true;
  }

  private isDue(file: BlobFile, blob: string, known: BlobReceipt | undefined): boolean {
    if (known?.etag === file.etag) return known.state === 'pending' && known.nextTry <= Date.now();
    return this.hasSettled(blob, file.etag);
  }

  private begin(file: BlobFile, blob: string, params: Record<string, string>, tries: number, free: () => void): void {
    const attempt = this.attempt(file, blob, params, tries)
      .catch((error: unknown) => this.log.error(`Blob trigger '${this.entry.name}', ${blob}: ${messageOf(error)}`))
      .finally(() => {
        this.running.delete(blob);
        free();
      });
    this.running.set(blob, attempt);
  }

  /** Whether the file is as it was in the last scan. */
  private hasSettled(blob: string, etag: string): boolean {
    if (this.observed.get(blob) === etag) return true;
    if (this.observing.size < MAX_OBSERVED) this.observing.set(blob, etag);
    return false;
  }

  private async attempt(file: BlobFile, blob: string, params: Record<string, string>, tries: number): Promise<void> {
    const receipt: BlobReceipt = { etag: file.etag, state: 'pending', tries, nextTry: 0, error: null };
    // A try is counted before it begins: a blob that brings the process down becomes poison too.
    this.store.saveReceipt(this.entry.name, blob, receipt);
    try {
      await this.invoke(file, blob, params);
      this.store.saveReceipt(this.entry.name, blob, { ...receipt, state: 'done' });
    } catch (error) {
      this.recordFailure(blob, receipt, messageOf(error));
    }
  }

  private recordFailure(blob: string, receipt: BlobReceipt, error: string): void {
    const isPoison = receipt.tries >= MAX_TRIES;
    const nextTry = Date.now() + this.options.intervalMs * 2 ** (receipt.tries - 1);
    this.store.saveReceipt(this.entry.name, blob, {
      ...receipt,
      state: isPoison ? 'poison' : 'pending',
      nextTry,
      error,
    });
    const outcome = isPoison ? 'it is poison and not tried again' : 'it will be tried again';
    this.log.error(
      `Function '${this.entry.name}' failed on blob ${blob}, try ${receipt.tries} of ${MAX_TRIES}; ${outcome}: ${error}`,
    );
  }

  private async invoke(file: BlobFile, blob: string, params: Record<string, string>): Promise<void> {
    const free = file.size > LARGE_BLOB_BYTES ? await this.largePlace.acquire() : undefined;
    try {
      const current = await blobFile(file.path, file.name);
      // Gone or changed since: nothing to do, the next pass sees what is there then.
      if (current?.etag !== file.etag) return;
      const data = { bytes: await readFile(file.path) };
      const inputData = [{ name: this.entry.trigger.name, data }];
      await this.invoker.invoke(this.entry.name, inputData, triggerMetadata(file, blob, params));
    } finally {
      free?.();
    }
  }

  /** Drops the receipts of files that are gone, so that a file put there again counts as new. */
  private async forgetDeleted(): Promise<void> {
    if (this.store.countReceipts(this.entry.name) <= this.receiptsSeen) return;
    let after = '';
    for (;;) {
      const blobs = this.store.blobsWithReceipt(this.entry.name, after, 500);
      for (const blob of blobs) {
        const name = blob.slice(blob.indexOf('/') + 1);
        const isHere = blob.startsWith(`${this.path.container}/`) && (await blobFile(join(this.folder, name), name));
        if (!isHere && !this.running.has(blob)) this.store.deleteReceipt(this.entry.name, blob);
      }
      const last = blobs.at(-1);
      if (last === undefined || this.stopped) return;
      after = last;
    }
  }
}

/** A path parameter that is named like a built-in entry replaces it. */
function triggerMetadata(file: BlobFile, blob: string, params: Record<string, string>): Record<string, TypedData> {
  const properties = {
    LastModified: file.lastModified.toISOString(),
    CreatedOn: file.createdOn.toISOString(),
    Metadata: {},
    BlobType: 0,
    ContentLength: file.size,
    ETag: `"${file.etag}"`,
  };
  const metadata: Record<string, TypedData> = {
    BlobTrigger: { string: blob },
    Uri: { string: pathToFileURL(file.path).href },
    Properties: { json: JSON.stringify(properties) },
    Metadata: { json: '{}' },
  };
  for (const key of Object.keys(params)) {
    for (const builtIn of Object.keys(metadata))
      if (builtIn.toLowerCase() === key.toLowerCase()) delete metadata[builtIn];
    metadata[key] = { string: params[key] ?? '' };
  }
  return metadata;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
