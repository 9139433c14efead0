/** Retrieval over the embedded adapters in a folder of its own; only the embedding model is a simple one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { folderSource } from '../../src/adapters/folderSource';
import { documentParser } from '../../src/adapters/documentParser';
import type { EmbeddingModel } from '../../src/models/ports';
import type { IndexedStore } from '../../src/retrieval/ports';
import { createRetrieval, type Retrieval } from '../../src/retrieval/retrieval';
import type { RetrievalPorts } from '../../src/retrieval/retrievalPorts';
import type { IngestionJob } from '../../src/retrieval/storeRecords';
import type { Scope } from '../../src/scope';
import type { FileObject } from '../../src/wire/vectorStores';
import { openBlobs, openRecords, openVectors } from './storage';
import { wordVector } from './wordVectors';

export const scope: Scope = { tenant: 'team-a', project: '-' };

/** The vector store of that scope as the index knows it. */
export const indexed = (id: string): IndexedStore => ({ tenant: scope.tenant, id });

/** Vectors by words, so that texts that share words are near. */
export const wordModel: EmbeddingModel = {
  id: 'words',
  textWeight: 1,
  embed: async (texts) => Promise.resolve(texts.map(wordVector)),
};

export interface TestRetrieval {
  /** Below it lie the containers of syncs, in `blobs`. */
  folder: string;
  retrieval: Retrieval;
  ports: RetrievalPorts;
  /** Builds the capability anew over the same data, as after a restart, with other ports where given. */
  restart(replaced?: Partial<RetrievalPorts>): Retrieval;
  clock: { milliseconds: number };
  close(): Promise<void>;
}

export async function testRetrieval(): Promise<TestRetrieval> {
  const folder = await mkdtemp(join(tmpdir(), 'retrieval-'));
  const clock = { milliseconds: 1_750_000_000_000 };
  const parser = documentParser();
  const source = { source: folderSource(join(folder, 'blobs')), containersOf: () => ['documents', 'nowhere'] };
  const ports: RetrievalPorts = {
    records: await openRecords(folder),
    blobs: await openBlobs(folder),
    index: await openVectors(folder),
    parser,
    embeddings: { current: wordModel, byId: () => wordModel },
    now: () => clock.milliseconds,
    maxFileBytes: 1024 * 1024,
  };
  return {
    folder,
    retrieval: createRetrieval(ports, source),
    ports,
    restart: (replaced = {}) => createRetrieval({ ...ports, ...replaced }, source),
    clock,
    async close() {
      await parser.close();
      await ports.index.close();
      await ports.records.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Uploads a file of that name and text. */
export async function upload({ files }: Retrieval, filename: string, text: string, at = scope): Promise<FileObject> {
  return files.create(at, async (take) => ({
    file: await take(Readable.from([Buffer.from(text)]), filename),
    fields: { purpose: 'assistants' },
  }));
}

/** Drives a job to its end, as its orchestration does. */
export async function drive({ ingestion }: Retrieval, job: IngestionJob): Promise<void> {
  for (;;) {
    const { groups } = await ingestion.plan(job);
    if (groups.length === 0) return;
    for (const group of groups) await ingestion.ingest(job, group);
  }
}
