/** Values that no row holds, each as a blob of its own that is written once. */
import { randomUUID } from 'node:crypto';
import type { ContainerClient } from '@azure/storage-blob';
import { hasStatus } from '../../azureStatus';
import { onFirstUse } from './clients';

/** The large values of records, in a container of theirs. */
export class LargeValues {
  private readonly ready = onFirstUse(async () => this.container.createIfNotExists());

  constructor(private readonly container: ContainerClient) {}

  /** Stores the value and resolves with its name. */
  async put(partitionKey: string, value: Buffer): Promise<string> {
    await this.ready();
    const name = `${partitionKey}/${randomUUID()}`;
    await this.container.getBlockBlobClient(name).upload(value, value.length);
    return name;
  }

  /** The value, or undefined when its record has been replaced or deleted meanwhile. */
  async get(name: string): Promise<string | undefined> {
    try {
      const { readableStreamBody = [] } = await this.container.getBlobClient(name).download();
      const chunks: Buffer[] = [];
      for await (const chunk of readableStreamBody) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString();
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** What cannot be deleted goes with its partition. */
  async discard(names: string[]): Promise<void> {
    await Promise.allSettled(names.map(async (name) => this.container.getBlobClient(name).deleteIfExists()));
  }

  /** Deletes every value of the partition, those too that a failed write left. */
  async discardPartition(partitionKey: string): Promise<void> {
    try {
      for await (const page of this.container
        .listBlobsFlat({ prefix: `${partitionKey}/` })
        .byPage({ maxPageSize: 50 })) {
        await Promise.all(
          page.segment.blobItems.map(async ({ name }) => this.container.getBlobClient(name).deleteIfExists()),
        );
      }
    } catch (error) {
      // The container comes with the first large value.
      if (!hasStatus(error, 404)) throw error;
    }
  }
}
