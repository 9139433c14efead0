/** `/files`: upload, list, get, content, delete (openai-2026-08). */
import type { Readable } from 'node:stream';
import { services } from '../app';
import { faultLogger } from '../log';
import type { Connection } from '../http/connection';
import type { Family } from '../http/family';
import { readUpload } from '../http/multipart';
import { operation, pathParams, type Call } from '../http/operation';
import { listObject } from '../http/paging';
import { validate } from '../http/validation';
import { deletedObject, listOf } from '../wire/common';
import {
  createFileFields,
  listFilesQuery,
  fileObject,
  type CreateFileFields,
  type FileObject,
} from '../wire/vectorStores';

const fileParams = pathParams('file_id');

/** Of the first api-version of Azure whose files tell when they expire. Azure.AI.OpenAI 2.1, which asks for older ones, fails on fields that it does not know. */
const EXPIRY_SINCE = '2025-03-01';

/** The file in the form of the api-version. */
export function shownFile({ apiVersion }: Pick<Call, 'apiVersion'>, { expires_at, ...file }: FileObject) {
  // `preview`, `latest` and `v1` sort behind every date.
  return apiVersion !== undefined && apiVersion < EXPIRY_SINCE ? file : { ...file, expires_at };
}

const createFile = operation({
  method: 'post',
  path: '/files',
  summary: 'Upload a file',
  body: 'raw',
  response: fileObject,
  handle: async (call) => {
    const { files } = (await services()).retrieval;
    const made = await files.create(call.scope, async (take) => {
      const { fields, file } = await readUpload(call.request, take);
      return { fields: fieldsOf(fields, call.toleratesUnknownFields), file };
    });
    return shownFile(call, made);
  },
});

/** The form's fields; `a[b]` is field `b` of `a`. Throws 400. */
function fieldsOf(form: Map<string, string>, tolerant: boolean): CreateFileFields {
  const nested = new Map<string, unknown>();
  for (const [name, value] of form) {
    const [, outer, inner] = /^(\w+)\[(\w+)\]$/.exec(name) ?? [];
    if (outer === undefined || inner === undefined) nested.set(name, value);
    else nested.set(outer, Object.fromEntries([...Object.entries(nested.get(outer) ?? {}), [inner, value]]));
  }
  return validate(createFileFields, Object.fromEntries(nested), tolerant);
}

const listFiles = operation({
  method: 'get',
  path: '/files',
  summary: 'List files',
  query: listFilesQuery,
  response: listOf(fileObject),
  handle: async (call) => {
    const { data, hasMore } = await (await services()).retrieval.files.list(call.scope, call.query);
    return listObject({ data: data.map((file) => shownFile(call, file)), hasMore });
  },
});

const getFile = operation({
  method: 'get',
  path: '/files/{file_id}',
  summary: 'Get a file',
  params: fileParams,
  response: fileObject,
  handle: async (call) =>
    shownFile(call, await (await services()).retrieval.files.get(call.scope, call.params.file_id)),
});

const getFileContent = operation({
  method: 'get',
  path: '/files/{file_id}/content',
  summary: "Get a file's content",
  params: fileParams,
  response: 'raw',
  handle: async ({ scope, params, connection }) => {
    const { file, size, content } = await (await services()).retrieval.files.content(scope, params.file_id);
    return contentAnswer(connection, { id: file.id, filename: file.filename, size, content });
  },
});

/** The content of a file, as bytes. */
export function contentAnswer(
  connection: Connection,
  { id, filename, size, content }: { id: string; filename: string; size: number; content: Readable },
): Response {
  const logFault = faultLogger();
  const onFault = (error: unknown): void => logFault(`The content of ${id} cannot be read.`, error);
  return new Response(paced(content, connection, onFault), {
    headers: {
      'content-type': 'application/octet-stream',
      // With its length the caller can tell a stream that a fault cut short.
      'content-length': String(size),
      'content-disposition': `attachment; filename*=UTF-8''${headerText(filename)}`,
    },
  });
}

/** `ext-value` of RFC 8187. */
const headerText = (text: string): string =>
  encodeURIComponent(text).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** The content at the pace of its reader. It ends, and its source with it, when the reader leaves or the source fails. */
function paced(
  content: Readable,
  connection: Connection,
  onFault: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const parts: AsyncIterator<Uint8Array> = content[Symbol.asyncIterator]();
  const leave = (): void => void content.destroy();
  if (connection.signal.aborted) leave();
  connection.signal.addEventListener('abort', leave, { once: true });
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        await connection.drained();
        const next = await parts.next();
        if (!next.done) return controller.enqueue(next.value);
      } catch (error) {
        if (!connection.signal.aborted) onFault(error);
      }
      connection.signal.removeEventListener('abort', leave);
      controller.close();
    },
    cancel: leave,
  });
}

const deleteFile = operation({
  method: 'delete',
  path: '/files/{file_id}',
  summary: 'Delete a file and take it out of all vector stores',
  params: fileParams,
  response: deletedObject('file'),
  handle: async ({ scope, params }) => (await services()).retrieval.removeFile(scope, params.file_id),
});

export const filesFamily: Family = {
  name: 'files',
  operations: [createFile, listFiles, getFile, getFileContent, deleteFile],
};
