/**
 * The blob trigger: each version of a blob invokes the function once; a failure is tried again up to five times, then the blob counts as
 * poison. Of a file, which may still be written, a version counts once it has stopped changing.
 */
import { resolveSettings } from './appSettings';
import type { BlobContainer, Claim, TriggerBlob } from './blobContainer';
import { parseBlobPath, type BlobPath } from './blobPath';
import type { FunctionInvoker } from './functionInvoker';
import type { HostFunction } from './functionTable';
import type { HostLog } from './hostLog';
import { blobTriggerMetadata } from './blobTriggerMetadata';
import type { BlobReceipt, HostStore } from './hostStore';
import { Semaphore } from './semaphore';

const MAX_TRIES = 5;
const MAX_PARALLEL = 8;
/** Larger blobs (bytes) run one at a time, for each is in memory whole. */
const LARGE_BLOB_BYTES = 64 * 1024 * 1024;
/** Blobs remembered between scans to see whether they still change. */
const MAX_OBSERVED = 10_000;

export interface BlobTriggerOptions {
  /** Opens a container of the account, or folder, that a connection names. */
  openContainer(connection: string, container: string): Promise<BlobContainer>;
  /** Milliseconds between passes, in place of the container's own. A failed try waits this long, then twice, four times and eight times as long. */
  intervalMs?: number;
  env: NodeJS.ProcessEnv;
}

export class BlobTrigger {
  private readonly intervalMs: number;
  private readonly places = new Semaphore(MAX_PARALLEL);
  private readonly largePlace = new Semaphore(1);
  /** Blob → its try under way. */
  private readonly running = new Map<string, Promise<void>>();
  /** Blob → etag in the last scan of the whole container, and in the one under way. */
  private observed = new Map<string, string>();
  private observing = new Map<string, string>();
  private blobs: AsyncGenerator<TriggerBlob> | undefined;
  /** Blobs of the scan under way that have a receipt. */
  private receiptsSeen = 0;
  private timer: NodeJS.Timeout | undefined;
  private passing: Promise<void> = Promise.resolve();
  private stopped = false;

  private constructor(
    private readonly entry: HostFunction,
    private readonly invoker: FunctionInvoker,
    private readonly store: HostStore,
    private readonly log: HostLog,
    private readonly path: BlobPath,
    private readonly container: BlobContainer,
    intervalMs: number | undefined,
  ) {
    this.intervalMs = intervalMs ?? container.intervalMs;
  }

  /** Rejects with an Error when the binding's path or its connection is wrong. `store` keeps the receipts. */
  static async create(
    entry: HostFunction,
    invoker: FunctionInvoker,
    store: HostStore,
    log: HostLog,
    { openContainer, intervalMs, env }: BlobTriggerOptions,
  ): Promise<BlobTrigger> {
    const path = parseBlobPath(resolveSettings(String(entry.trigger.path ?? ''), env));
    const container = await openContainer(String(entry.trigger.connection ?? 'AzureWebJobsStorage'), path.container);
    return new BlobTrigger(entry, invoker, store, log, path, container, intervalMs);
  }

  /** Begins to poll; not where the function waits for Event Grid, whose events go to its subscribers and not to this host. */
  async start(): Promise<void> {
    if (this.container.hasEvents && String(this.entry.trigger.source).toLowerCase() === 'eventgrid') {
      this.log.warn(
        `Function '${this.entry.name}' waits for Event Grid, whose events do not reach this host: it takes no blobs here.`,
      );
      return;
    }
    await this.container.start();
    this.schedule(0);
  }

  /** Begins nothing more and waits for the tries under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.container.stop();
    await this.passing;
    await Promise.all(this.running.values());
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.passing = this.pass().catch((error: unknown) => {
        this.blobs = undefined;
        if (this.stopped) return;
        this.log.error(`Blob trigger '${this.entry.name}': the scan failed and begins anew: ${messageOf(error)}`);
      });
      void this.passing.then(() => this.schedule(this.intervalMs));
    }, delayMs);
  }

  private async pass(): Promise<void> {
    this.blobs ??= this.container.list();
    for (let count = 0; count < this.container.blobsPerPass && !this.stopped; count++) {
      const { value: blob, done } = await this.blobs.next();
      if (done || !blob) {
        this.blobs = undefined;
        if (this.container.reusesEtags) await this.forgetDeleted();
        this.receiptsSeen = 0;
        this.observed = this.observing;
        this.observing = new Map();
        return;
      }
      if (await this.consider(blob)) this.receiptsSeen += 1;
    }
  }

  /** Begins a try of the blob if one is due; waits while all places are taken. Whether the blob has a receipt. */
  private async consider(blob: TriggerBlob): Promise<boolean> {
    const params = this.path.match(blob.name);
    const path = `${this.path.container}/${blob.name}`;
    if (!params) return false;
    if (this.running.has(path)) return true;
    const known = this.store.receipt(this.entry.name, path);
    const isDue = known?.etag === blob.etag ? isDueAgain(known) : this.hasSettled(path, blob.etag);
    if (!isDue) return known !== undefined;
    const free = await this.places.acquire();
    if (this.stopped) free();
    else this.begin(blob, path, params, free);
    return true;
  }

  private begin(blob: TriggerBlob, path: string, params: Record<string, string>, free: () => void): void {
    const attempt = this.attempt(blob, path, params)
      .catch((error: unknown) => this.log.error(`Blob trigger '${this.entry.name}', ${path}: ${messageOf(error)}`))
      .finally(() => {
        this.running.delete(path);
        free();
      });
    this.running.set(path, attempt);
  }

  /** Whether the blob is as it was in the last scan, where it may still be written. */
  private hasSettled(path: string, etag: string): boolean {
    if (!this.container.showsUnfinished || this.observed.get(path) === etag) return true;
    if (this.observing.size < MAX_OBSERVED) this.observing.set(path, etag);
    return false;
  }

  private async attempt(blob: TriggerBlob, path: string, params: Record<string, string>): Promise<void> {
    const answer = await this.container.claim?.(this.entry.name, path, blob.etag);
    if (answer?.kind === 'taken') return;
    if (answer?.kind === 'settled') return this.store.saveReceipt(this.entry.name, path, answer.receipt);
    try {
      await this.tryOnce(blob, path, params, answer);
    } finally {
      await answer?.release();
    }
  }

  private async tryOnce(
    blob: TriggerBlob,
    path: string,
    params: Record<string, string>,
    claim: Claim | undefined,
  ): Promise<void> {
    const known = claim ? claim.receipt : this.store.receipt(this.entry.name, path);
    const earlier = known?.etag === blob.etag ? known : undefined;
    // Another host's try, which this one had not heard of.
    if (earlier && !isDueAgain(earlier)) return this.store.saveReceipt(this.entry.name, path, earlier);
    // Gone or changed since: nothing to do, the next pass sees what is there then.
    if ((await this.container.find(blob.name))?.etag !== blob.etag) return;
    const save = async (receipt: BlobReceipt) => {
      this.store.saveReceipt(this.entry.name, path, receipt);
      await claim?.save(receipt);
    };
    const tries = (earlier?.tries ?? 0) + 1;
    const receipt: BlobReceipt = { etag: blob.etag, state: 'pending', tries, nextTry: 0, error: null };
    // A try is counted before it begins: a blob that brings the process down becomes poison too.
    await save(receipt);
    const failure = await this.invoke(blob, path, params).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    await save(failure === undefined ? { ...receipt, state: 'done' } : this.failed(path, receipt, failure));
  }

  /** Logs the failure; the receipt of it. */
  private failed(path: string, receipt: BlobReceipt, error: string): BlobReceipt {
    const isPoison = receipt.tries >= MAX_TRIES;
    const outcome = isPoison ? 'it is poison and not tried again' : 'it will be tried again';
    this.log.error(
      `Function '${this.entry.name}' failed on blob ${path}, try ${receipt.tries} of ${MAX_TRIES}; ${outcome}: ${error}`,
    );
    const nextTry = Date.now() + this.intervalMs * 2 ** (receipt.tries - 1);
    return { ...receipt, state: isPoison ? 'poison' : 'pending', nextTry, error };
  }

  private async invoke(blob: TriggerBlob, path: string, params: Record<string, string>): Promise<void> {
    const free = blob.size > LARGE_BLOB_BYTES ? await this.largePlace.acquire() : undefined;
    try {
      const bytes = await this.container.read(blob);
      if (!bytes) return;
      const inputData = [{ name: this.entry.trigger.name, data: { bytes } }];
      await this.invoker.invoke(this.entry.name, inputData, blobTriggerMetadata(blob, path, params));
    } finally {
      free?.();
    }
  }

  /** Drops the receipts of files that are gone, so that a file put there again counts as new. */
  private async forgetDeleted(): Promise<void> {
    if (this.store.countReceipts(this.entry.name) <= this.receiptsSeen) return;
    let after = '';
    for (;;) {
      const paths = this.store.blobsWithReceipt(this.entry.name, after, 500);
      for (const path of paths) {
        const name = path.slice(path.indexOf('/') + 1);
        const isHere = path.startsWith(`${this.path.container}/`) && (await this.container.find(name));
        if (!isHere && !this.running.has(path)) this.store.deleteReceipt(this.entry.name, path);
      }
      const last = paths.at(-1);
      if (last === undefined || this.stopped) return;
      after = last;
    }
  }
}

/** Whether a blob's newest version, which was tried before, is to be tried now. */
const isDueAgain = ({ state, nextTry }: BlobReceipt): boolean => state === 'pending' && nextTry <= Date.now();

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
