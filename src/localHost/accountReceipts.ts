/**
 * Receipts of blobs in the storage account itself, so that hosts share them: JSON blobs where the real host has its own, in
 * `azure-webjobs-hosts/blobreceipts/{host id}/{function}`. Whoever tries a blob holds the lease of its receipt.
 */
import { createHash } from 'node:crypto';
import type { BlobServiceClient, BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { z } from 'zod';
import { hasStatus } from '../azureStatus';
import type { Claim, ClaimAnswer } from './blobContainer';
import type { BlobReceipt } from './hostStore';

/** A host that ended without a word loses its claim after so many seconds, as on the real host. */
const LEASE_SECONDS = 30;
const RENEW_MS = 10_000;
/** Limit of Blob storage for a name, in UTF-16 units. */
const MAX_NAME = 1024;

const receiptSchema = z.object({
  etag: z.string(),
  state: z.enum(['pending', 'done', 'poison']),
  tries: z.number(),
  nextTry: z.number(),
  error: z.string().nullable(),
});

export class AccountReceipts {
  private readonly container: ContainerClient;
  private isContainerThere = false;

  constructor(
    service: BlobServiceClient,
    private readonly hostId: string,
  ) {
    this.container = service.getContainerClient('azure-webjobs-hosts');
  }

  /** See {@link BlobContainer.claim}. */
  async claim(functionName: string, blob: string, etag: string): Promise<ClaimAnswer> {
    const file = this.container.getBlockBlobClient(this.nameOf(functionName, blob));
    const known = await read(file);
    if (known?.etag === etag && known.state !== 'pending') return { kind: 'settled', receipt: known };
    if (!known) await this.create(file);
    const lease = file.getBlobLeaseClient();
    try {
      await lease.acquireLease(LEASE_SECONDS);
    } catch (error) {
      if (hasStatus(error, 409)) return { kind: 'taken' };
      throw error;
    }
    // One that fails is made up for by the next; if none succeeds, the lease is lost, which the save tells.
    const renewal = setInterval(() => void lease.renewLease().catch(() => undefined), RENEW_MS);
    const release = async () => {
      clearInterval(renewal);
      await lease.releaseLease();
    };
    try {
      const receipt = await read(file);
      const conditions = { leaseId: lease.leaseId };
      return { kind: 'claimed', receipt, release, save: async (changed) => write(file, changed, conditions) };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Makes an empty receipt, for a lease needs a blob, unless another host was faster. */
  private async create(file: BlockBlobClient): Promise<void> {
    if (!this.isContainerThere) await this.container.createIfNotExists();
    this.isContainerThere = true;
    try {
      await file.upload('', 0, { conditions: { ifNoneMatch: '*' } });
    } catch (error) {
      if (!hasStatus(error, 409, 412)) throw error;
    }
  }

  private nameOf(functionName: string, blob: string): string {
    const folder = `blobreceipts/${this.hostId}/${functionName}/`;
    const isLong = folder.length + blob.length > MAX_NAME;
    return folder + (isLong ? createHash('sha256').update(blob).digest('hex') : blob);
  }
}

async function write(
  file: BlockBlobClient,
  receipt: BlobReceipt,
  conditions: { leaseId: string },
): ReturnType<Claim['save']> {
  const text = JSON.stringify(receipt);
  await file.upload(text, Buffer.byteLength(text), {
    conditions,
    blobHTTPHeaders: { blobContentType: 'application/json' },
  });
}

/** Undefined where there is none, or one that was only made for its lease. */
async function read(file: BlockBlobClient): Promise<BlobReceipt | undefined> {
  try {
    const text = (await file.downloadToBuffer()).toString();
    return text === '' ? undefined : receiptSchema.parse(JSON.parse(text));
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}
