/** Reads documents as text, each in a thread of its own, so that no document blocks or breaks the process. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DocumentError, type DocumentParser } from '../retrieval/ports';
import { DocumentThreads, type ThreadLimits } from './documents/documentThreads';
import { MAX_FILE_BYTES, megabytes } from './documents/limits';

const defaultLimits: ThreadLimits = { threads: 2, timeLimitMs: 120_000, memoryLimitMb: 768, idleMs: 10_000 };

/**
 * A parser of PDF, Word, PowerPoint, HTML, Markdown, JSON, CSV, XML and plain text in any usual encoding. Each file is first copied to a
 * temporary one, as its thread is free. Errors of `open` and of its stream pass through as they are: they say nothing of the document.
 * `close` ends its threads; documents being read then fail.
 */
export function documentParser(limits: Partial<ThreadLimits> = {}): DocumentParser & { close(): Promise<void> } {
  const threads = new DocumentThreads(workerFile(), { ...defaultLimits, ...limits });
  return {
    parse: async ({ filename, bytes, open }, signal) => {
      if (bytes > MAX_FILE_BYTES) throw tooLarge();
      return threads.withPlace(async () => {
        signal?.throwIfAborted();
        const folder = await mkdtemp(join(tmpdir(), 'document-'));
        try {
          const path = join(folder, 'content');
          return await threads.read({ path, filename, bytes: await copy(await open(), path, signal) }, signal);
        } finally {
          await rm(folder, { recursive: true, force: true });
        }
      });
    },
    close: () => threads.close(),
  };
}

/** Returns the number of bytes. Throws past the limit, whatever size the file was said to have. */
async function copy(content: Readable, path: string, signal?: AbortSignal): Promise<number> {
  let bytes = 0;
  const counted = new Transform({
    transform(part: Buffer, _encoding, done) {
      bytes += part.length;
      done(bytes > MAX_FILE_BYTES ? tooLarge() : null, part);
    },
  });
  await pipeline(content, counted, createWriteStream(path), { signal });
  return bytes;
}

function tooLarge(): DocumentError {
  return new DocumentError(
    'invalid_file',
    `The file is larger than ${megabytes(MAX_FILE_BYTES)}, the most that can be read.`,
  );
}

/** The compiled thread; tests run the sources, and then it is where the build before them put it. */
function workerFile(): string {
  const folder = __filename.endsWith('.ts') ? join(__dirname, '..', '..', 'dist', 'src', 'adapters') : __dirname;
  return join(folder, 'documents', 'worker.js');
}
