/** Turns files into chunks and vectors: parse, chunk, embed. */
import type { Readable } from 'node:stream';
import { ModelError, type EmbeddingModel } from '../models/ports';
import type { Scope } from '../scope';
import { chunkText } from './chunkText';
import { fileBlob } from './files';
import { DocumentError, type Chunk } from './ports';
import type { RetrievalPorts } from './retrievalPorts';
import type { Outcome } from './settleFiles';
import type { StoreFile } from './storeRecords';

/** A longer file fails: its vectors would not fit in memory. About 8 million tokens at the default chunk size. */
const MAX_CHUNKS_PER_FILE = 20_000;
/** Chunks handed to the model at once. */
const CHUNKS_PER_CALL = 256;
/** Chunks after which what was read of some files is handed on, so that small files that unpack to much text stay bounded too. */
const PORTION_CHUNKS = 4096;

/** A file's chunks, or why it has none. */
export interface Document {
  fileId: string;
  chunks: Chunk[];
}

/** Some files that were read, and those that were not. */
export interface ReadPortion {
  documents: Document[];
  /** Of files that something is wrong with. */
  outcomes: Map<string, Outcome>;
  /** Of storage, which may pass; the files that met them are in neither. */
  faults: unknown[];
}

type ReadPorts = Pick<RetrievalPorts, 'blobs' | 'parser'>;

/** Reads the files in order, a bounded number of chunks at a time. */
export async function* readPortions(
  ports: ReadPorts,
  scope: Scope,
  files: StoreFile[],
  signal?: AbortSignal,
): AsyncGenerator<ReadPortion> {
  let portion = noPortion();
  let chunks = 0;
  for (const file of files) {
    try {
      const document = await readDocument(ports, scope, file, signal);
      portion.documents.push(document);
      chunks += document.chunks.length;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof DocumentError) {
        portion.outcomes.set(file.id, { status: 'failed', error: { code: error.code, message: error.message } });
      } else portion.faults.push(error);
    }
    if (chunks < PORTION_CHUNKS) continue;
    yield portion;
    portion = noPortion();
    chunks = 0;
  }
  yield portion;
}

const noPortion = (): ReadPortion => ({ documents: [], outcomes: new Map(), faults: [] });

/**
 * The file's chunks. Throws {@link DocumentError} for what is wrong with the file; any other error is a fault of storage, worth another try.
 */
async function readDocument(
  { blobs, parser }: ReadPorts,
  scope: Scope,
  file: StoreFile,
  signal?: AbortSignal,
): Promise<Document> {
  const name = fileBlob(scope, file.id);
  const gone = (): DocumentError => new DocumentError('invalid_file', `No such File object: ${file.id}`);
  const open = async (): Promise<Readable> => {
    const blob = await blobs.open(name);
    if (!blob) throw gone();
    return blob.content;
  };
  const info = await blobs.info(name);
  if (!info) throw gone();
  const sections = await parser.parse({ filename: file.filename, bytes: info.size, open }, signal);
  const { max_chunk_size_tokens: maxChunkTokens, chunk_overlap_tokens: overlapTokens } = file.chunking_strategy.static;
  const chunks = await chunkText(sections, { maxChunkTokens, overlapTokens });
  if (chunks.length > MAX_CHUNKS_PER_FILE) {
    throw new DocumentError('invalid_file', `The file is too long: it makes more than ${MAX_CHUNKS_PER_FILE} chunks.`);
  }
  if (chunks.length === 0) throw new DocumentError('invalid_file', 'The file has no text.');
  return {
    fileId: file.id,
    chunks: chunks.map(({ text, page, heading }, ordinal) => ({ fileId: file.id, ordinal, text, page, heading })),
  };
}

/** What the index is given of a group of files, and what became of each that has an outcome. */
export interface EmbeddedDocuments {
  chunks: Chunk[];
  vectors: Float32Array[];
  outcomes: Map<string, Outcome>;
  /** Why the others have none: the service was down or limited its rate, which may pass. */
  unavailable?: ModelError;
}

/** Whose work it is, and whether it goes on. */
export interface EmbeddingWork {
  /** For the limits of tenants. */
  tenant: string;
  /** Called before each call of the model; what it throws ends the work. */
  goOn: () => Promise<void>;
  signal?: AbortSignal;
}

/** Embeds the documents together. When the model refuses the text of one, only that one fails; when no waiting can help, all do. */
export async function embedDocuments(
  model: () => EmbeddingModel,
  documents: Document[],
  work: EmbeddingWork,
): Promise<EmbeddedDocuments> {
  const chunks = documents.flatMap((document) => document.chunks);
  try {
    const vectors = await embed(model(), chunks, work);
    return { chunks, vectors, outcomes: new Map(documents.map((document) => [document.fileId, completed(document)])) };
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    if (mayPass(error)) return { chunks: [], vectors: [], outcomes: new Map(), unavailable: error };
    const refused = error.kind === 'invalid_request' || error.kind === 'content_filter';
    if (refused && documents.length > 1) return embedOneByOne(model, documents, work);
    const outcome: Outcome = { status: 'failed', error: { code: 'server_error', message: error.message } };
    return { chunks: [], vectors: [], outcomes: new Map(documents.map(({ fileId }) => [fileId, outcome])) };
  }
}

/** A quota that is used up stays so. */
const mayPass = ({ kind, code }: ModelError): boolean =>
  kind === 'unavailable' || (kind === 'rate_limited' && code !== 'insufficient_quota');

async function embedOneByOne(
  model: () => EmbeddingModel,
  documents: Document[],
  work: EmbeddingWork,
): Promise<EmbeddedDocuments> {
  const all: EmbeddedDocuments = { chunks: [], vectors: [], outcomes: new Map() };
  for (const document of documents) {
    const one = await embedDocuments(model, [document], work);
    all.chunks.push(...one.chunks);
    all.vectors.push(...one.vectors);
    for (const [id, outcome] of one.outcomes) all.outcomes.set(id, outcome);
    if (one.unavailable) return { ...all, unavailable: one.unavailable };
  }
  return all;
}

async function embed(
  model: EmbeddingModel,
  chunks: Chunk[],
  { goOn, tenant, signal }: EmbeddingWork,
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let start = 0; start < chunks.length; start += CHUNKS_PER_CALL) {
    await goOn();
    const texts = chunks.slice(start, start + CHUNKS_PER_CALL).map(({ text }) => text);
    vectors.push(...(await model.embed(texts, 'document', signal, tenant)));
  }
  return vectors;
}

/** A file uses the bytes of its chunks' text. */
function completed({ chunks }: Document): Outcome {
  return { status: 'completed', usageBytes: chunks.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) };
}
