/**
 * The files that an assistant of the older form has by `file_ids`. For code_interpreter they are files of its tool resources; for file_search a vector store of the
 * assistant's own follows the list, made for the first search; without either tool they are only attached.
 */
import { errors, isFound } from '../errors';
import type { Scope } from '../scope';
import { MAX_ASSISTANT_FILES, type AssistantObject, type AssistantTool } from '../wire/assistants';
import type { AssistantsPorts, BeginIngestion } from './ports';

interface AttachedFile {
  id: string;
  /** When it was attached, in Unix seconds. */
  created_at: number;
}

/** An assistant as it is stored: with `files` where it has the older form. */
export interface AssistantRecord extends AssistantObject {
  files?: AttachedFile[];
  /** The vector store that follows the files. */
  files_store?: string;
}

const idsOf = (record: AssistantRecord | undefined): string[] => (record?.files ?? []).map(({ id }) => id);

/** Whether the tools search files. */
export const searches = (tools: AssistantTool[]): boolean => tools.some(({ type }) => type === 'file_search');

/** The assistant as callers see it, and as a run with these tools does. */
export function withFiles(record: AssistantRecord, tools: AssistantTool[] = record.tools): AssistantObject {
  if (!record.files) return record;
  const { files, files_store, ...assistant } = record;
  const ids = files.map(({ id }) => id);
  const runsCode = ids.length > 0 && tools.some(({ type }) => type === 'code_interpreter');
  return {
    ...assistant,
    file_ids: ids,
    tool_resources: {
      ...assistant.tool_resources,
      ...(runsCode && { code_interpreter: { file_ids: ids } }),
      ...(files_store !== undefined && searches(tools) && { file_search: { vector_store_ids: [files_store] } }),
    },
  };
}

/**
 * The record with just these files; those that it has keep their time. Throws 400 for more than an assistant may have.
 *
 * @param seconds Unix time.
 */
export function withFileIds(record: AssistantRecord, ids: string[], seconds: number): AssistantRecord {
  if (ids.length > MAX_ASSISTANT_FILES) {
    const message = `An assistant has at most ${MAX_ASSISTANT_FILES} files. Delete one of its files first.`;
    throw errors.invalidParameter(message, 'array_above_max_length', 'file_ids');
  }
  const had = new Map((record.files ?? []).map((file) => [file.id, file]));
  return { ...record, files: ids.map((id) => had.get(id) ?? { id, created_at: seconds }) };
}

/** Throws 404 for the first of the ids that names no file; `param` is where the request names them. */
export async function checkFileIds(
  { files }: Pick<AssistantsPorts, 'files'>,
  scope: Scope,
  ids: string[] | null | undefined,
  param = 'file_ids',
): Promise<void> {
  const missing = ids && (await files.firstMissing(scope, ids));
  if (missing) throw errors.noFile(missing, param);
}

/** Throws 400 for an assistant with files of both forms: today's form has no place for two vector stores. */
export function checkOneForm({ files, tool_resources: { code_interpreter, file_search } }: AssistantRecord): void {
  if (!files?.length) return;
  if (!code_interpreter?.file_ids.length && !file_search?.vector_store_ids.length) return;
  throw errors.invalidParameter(
    "An assistant has its files by 'file_ids' or by 'tool_resources', not by both. Send the other as null in the same request.",
    'invalid_value',
    'file_ids',
  );
}

/** The assistant's change that is to be stored. */
interface FileChange {
  scope: Scope;
  before?: AssistantRecord;
  after: AssistantRecord;
  /** Makes the store if it is not there; otherwise only one that is there follows the files. */
  isSearched: boolean;
  begin?: BeginIngestion;
}

/**
 * Stores the changed assistant by `write`, with its vector store brought after its files. What an attempt leaves in the store is put right by the next one.
 */
export async function followFiles(
  ports: Pick<AssistantsPorts, 'vectorStores'>,
  { scope, before, after, isSearched, begin }: FileChange,
  write: (record: AssistantRecord) => Promise<void>,
): Promise<AssistantRecord> {
  const { vectorStores } = ports;
  const ids = idsOf(after);
  const store = await usableStore(ports, scope, after);
  if (ids.length === 0 || (!isSearched && store === undefined)) {
    const record = { ...after, files_store: undefined };
    await write(record);
    if (store !== undefined) await removeStore(ports, scope, store);
    return record;
  }
  if (store === undefined) {
    const job = await vectorStores.createForAssistant(scope, after.id, ids);
    const record = { ...after, files_store: job.storeId };
    try {
      await write(record);
    } catch (error) {
      await removeStore(ports, scope, job.storeId);
      throw error;
    }
    await begin?.(job);
    return record;
  }
  const had = idsOf(before);
  const added = ids.filter((id) => !had.includes(id));
  const job = added.length > 0 ? await vectorStores.addFiles(scope, store, added) : undefined;
  await write(after);
  for (const id of had) if (!ids.includes(id)) await vectorStores.removeFile(scope, store, id);
  if (job) await begin?.(job);
  return after;
}

/** The store that follows the assistant's files; undefined where it has none, or somebody deleted it. */
export async function usableStore(
  { vectorStores }: Pick<AssistantsPorts, 'vectorStores'>,
  scope: Scope,
  { files_store: id }: AssistantRecord,
): Promise<string | undefined> {
  if (id === undefined) return undefined;
  return (await isFound(vectorStores.check(scope, [id], 'file_ids'))) ? id : undefined;
}

/** Deletes the store; one that is gone already is fine. */
export async function removeStore(
  { vectorStores }: Pick<AssistantsPorts, 'vectorStores'>,
  scope: Scope,
  id: string,
): Promise<void> {
  await isFound(vectorStores.remove(scope, id));
}
