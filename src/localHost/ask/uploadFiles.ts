/** Uploads the files. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { APIConnectionError, APIError, toStreamingFile, type OpenAI } from 'openai';
import { reasonOf, type FoundFile, type UnreadFile } from './findFiles';
import { forEachConcurrently } from './concurrency';
import type { MadeObjects } from './madeObjects';
import type { Progress } from './progress';
import { serviceMessage } from './serviceMessage';

const CONCURRENT_UPLOADS = 4;
/** What the service takes. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;
/** Seconds after which the host may remove a file that this process could not. */
const EXPIRES_SECONDS = 24 * 60 * 60;

/** Without these, fetch keeps all of a streamed body in memory in case of a redirect. */
const STREAMED = { redirect: 'error', window: null } as const;

export interface UploadedFiles {
  /** Id → name of the file found. */
  names: Map<string, string>;
  unread: UnreadFile[];
}

/**
 * Uploads the files, four at a time, and notes them in `made`. A file that cannot be read, or that the host refuses, is told in `unread`.
 * The signal stops it between files: an upload that is cut off may leave a file whose id nobody knows. Throws the SDK's error when the
 * host refuses all of them alike (wrong key) or does not answer.
 */
export async function uploadFiles(
  client: OpenAI,
  files: FoundFile[],
  made: MadeObjects,
  expires: boolean,
  progress: Progress,
  signal?: AbortSignal,
): Promise<UploadedFiles> {
  const result: UploadedFiles = { names: new Map(), unread: [] };
  await forEachConcurrently(files, CONCURRENT_UPLOADS, async (file) => {
    signal?.throwIfAborted();
    const uploaded = await upload(client, file, expires);
    if ('id' in uploaded) {
      made.fileIds.push(uploaded.id);
      result.names.set(uploaded.id, file.name);
    } else result.unread.push({ name: file.name, reason: uploaded.reason });
    progress.update(result.names.size + result.unread.length, result.unread.length);
  });
  return result;
}

async function upload(
  client: OpenAI,
  { path }: FoundFile,
  expires: boolean,
): Promise<{ id: string } | { reason: string }> {
  const size = await stat(path).then((status) => status.size, reasonOf);
  if (typeof size === 'string') return { reason: size };
  // Past its own limit the Functions host only says that something is wrong.
  if (size > MAX_FILE_BYTES) return { reason: 'It is larger than 512 MB, the most that a file may have.' };
  try {
    return await send(client, path, expires).catch((error: unknown) => {
      if (!(error instanceof APIConnectionError)) throw error;
      // Once more: an idle connection may just have been closed.
      return send(client, path, expires);
    });
  } catch (error) {
    if (!isRefusalOfFile(error)) throw error;
    return { reason: serviceMessage(error) };
  }
}

async function send(client: OpenAI, path: string, expires: boolean): Promise<{ id: string }> {
  const content = createReadStream(path);
  const expiry = expires ? { expires_after: { anchor: 'created_at' as const, seconds: EXPIRES_SECONDS } } : {};
  try {
    const file = toStreamingFile(content, basename(path));
    // The SDK cannot read a stream a second time.
    return await client.files.create(
      { purpose: 'assistants', ...expiry, file },
      { maxRetries: 0, fetchOptions: STREAMED },
    );
  } finally {
    content.destroy();
  }
}

/** Whether the error is about the one file, not about the host, the key or the address. */
function isRefusalOfFile(error: unknown): error is APIError {
  return error instanceof APIError && error.status !== undefined && ![401, 403, 404].includes(error.status);
}
