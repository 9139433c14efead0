/** Assistants: create, get, list, modify, delete (operations 9 to 13). */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId, orderKey, partitionOf } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { deleteListed } from '../storage/deletedPlaces';
import { pageOf, pageWithin } from '../storage/pages';
import type { PageRequest, StoredRecord } from '../storage/ports';
import type {
  AssistantFileObject,
  AssistantObject,
  AssistantTool,
  CreateAssistantRequest,
  ModifyAssistantRequest,
} from '../wire/assistants';
import {
  checkFileIds,
  checkOneForm,
  followFiles,
  removeStore,
  searches,
  usableStore,
  withFileIds,
  withFiles,
  type AssistantRecord,
} from './assistantFiles';
import { checkTools } from './newRun';
import type { AssistantsPorts, BeginIngestion } from './ports';
import { checkToolResources, withToolResources } from './toolResources';

const LIST = 'assistants';
const keyOf = (scope: Scope, id: string) => ({ partition: partitionOf(scope, LIST), list: LIST, id });

export type Assistants = ReturnType<typeof createAssistants>;

/**
 * The assistants of a scope. Methods throw 404 for an id that is not there, also of a file or vector store that a request names, and 400 for tools that do not go
 * together. `begin` starts the ingestion of files of the older form, which otherwise the sweep does.
 */
export function createAssistants(ports: AssistantsPorts) {
  const { records, now } = ports;
  const seconds = (): number => Math.floor(now() / 1000);

  async function read(scope: Scope, id: string): Promise<StoredRecord<AssistantRecord>> {
    const found = await records.get<AssistantRecord>(keyOf(scope, id));
    if (!found) throw errors.noAssistant(id);
    return found;
  }

  const get = async (scope: Scope, id: string): Promise<AssistantObject> => withFiles((await read(scope, id)).value);

  async function create(scope: Scope, body: CreateAssistantRequest, begin?: BeginIngestion): Promise<AssistantObject> {
    checkTools(body.tools ?? [], body.response_format ?? 'auto');
    await checkToolResources(ports, scope, body.tool_resources);
    await checkFileIds(ports, scope, body.file_ids);
    const assistant: AssistantRecord = {
      id: newId('asst_'),
      object: 'assistant',
      created_at: seconds(),
      name: body.name ?? null,
      description: body.description ?? null,
      model: body.model,
      instructions: body.instructions ?? null,
      tools: body.tools ?? [],
      tool_resources: withToolResources({}, body.tool_resources),
      metadata: body.metadata ?? {},
      temperature: body.temperature ?? null,
      top_p: body.top_p ?? null,
      response_format: body.response_format ?? 'auto',
      reasoning_effort: body.reasoning_effort ?? null,
    };
    const after = body.file_ids ? withFileIds(assistant, body.file_ids, assistant.created_at) : assistant;
    checkOneForm(after);
    const { partition, list, id } = keyOf(scope, assistant.id);
    const change = { scope, after, isSearched: searches(after.tools), begin };
    const made = await followFiles(ports, change, async (value) => {
      await records.write(partition, [{ op: 'create', list, id, order: orderKey(now()), value }]);
    });
    return withFiles(made);
  }

  /** Changes the assistant, and its vector store after it; with `isSearched` the store is made, whatever tools the assistant has. */
  async function edit(
    scope: Scope,
    id: string,
    changed: (assistant: AssistantRecord) => AssistantRecord,
    begin?: BeginIngestion,
    isSearched = false,
  ): Promise<AssistantRecord> {
    const { partition, list } = keyOf(scope, id);
    return withRetries(async () => {
      const { value: before, etag } = await read(scope, id);
      const after = changed(before);
      const change = { scope, before, after, isSearched: isSearched || searches(after.tools), begin };
      return followFiles(ports, change, async (value) => {
        await records.write(partition, [{ op: 'replace', list, id, value, ifMatch: etag }]);
      });
    });
  }

  async function modify(
    scope: Scope,
    id: string,
    body: ModifyAssistantRequest,
    begin?: BeginIngestion,
  ): Promise<AssistantObject> {
    await checkToolResources(ports, scope, body.tool_resources);
    await checkFileIds(ports, scope, body.file_ids);
    const change = (before: AssistantRecord): AssistantRecord => {
      const assistant = modified(before, body, seconds());
      checkTools(assistant.tools, assistant.response_format);
      checkOneForm(assistant);
      return assistant;
    };
    return withFiles(await edit(scope, id, change, begin));
  }

  /** The assistant as a run with these tools (absent: its own) has it: its files can be searched where they are to be. */
  async function forRun(
    scope: Scope,
    id: string,
    tools: AssistantTool[] | null | undefined,
    begin?: BeginIngestion,
  ): Promise<AssistantObject> {
    const { value } = await read(scope, id);
    const runTools = tools ?? value.tools;
    const isReady = !value.files?.length || !searches(runTools) || (await usableStore(ports, scope, value));
    return withFiles(isReady ? value : await edit(scope, id, (assistant) => assistant, begin, true), runTools);
  }

  /** The store of its files goes first: after a crash on the way, deleting again finishes it. */
  async function remove(scope: Scope, id: string) {
    const { files_store: store } = (await read(scope, id)).value;
    if (store !== undefined) await removeStore(ports, scope, store);
    await deleteListed(records, keyOf(scope, id), now());
    return { id, object: 'assistant.deleted', deleted: true };
  }

  async function list(scope: Scope, page: PageRequest) {
    const { data, hasMore } = await pageOf<AssistantRecord>(records, partitionOf(scope, LIST), LIST, page);
    return { data: data.map((record) => withFiles(record)), hasMore };
  }

  const filesOf = ({ id, files = [] }: AssistantRecord): AssistantFileObject[] =>
    files.map((file) => ({ ...file, object: 'assistant.file', assistant_id: id }));

  /** Throws 404 for a file that is not attached. */
  function fileOf(assistant: AssistantRecord, fileId: string): AssistantFileObject {
    const found = filesOf(assistant).find(({ id }) => id === fileId);
    if (!found) throw errors.noAssistantFile(fileId);
    return found;
  }

  /** Attaches a file; one that is attached already stays as it is. Throws 400 for more files than an assistant may have. */
  async function attachFile(
    scope: Scope,
    id: string,
    fileId: string,
    begin?: BeginIngestion,
  ): Promise<AssistantFileObject> {
    await read(scope, id);
    await checkFileIds(ports, scope, [fileId], 'file_id');
    const change = (before: AssistantRecord): AssistantRecord => {
      const assistant = withFileIds(
        before,
        [...new Set([...filesOf(before).map((file) => file.id), fileId])],
        seconds(),
      );
      checkOneForm(assistant);
      return assistant;
    };
    return fileOf(await edit(scope, id, change, begin), fileId);
  }

  /** Takes the file from the assistant; the file itself stays. */
  async function detachFile(scope: Scope, id: string, fileId: string) {
    await edit(scope, id, (before) => {
      fileOf(before, fileId);
      return { ...before, files: before.files?.filter((file) => file.id !== fileId) };
    });
    return { id: fileId, object: 'assistant.file.deleted', deleted: true };
  }

  const getFile = async (scope: Scope, id: string, fileId: string): Promise<AssistantFileObject> =>
    fileOf((await read(scope, id)).value, fileId);

  const listFiles = async (scope: Scope, id: string, page: PageRequest) =>
    pageWithin(filesOf((await read(scope, id)).value), page);

  return { get, create, modify, forRun, remove, list, attachFile, detachFile, getFile, listFiles };
}

/** Absent fields stay; null clears. `at` in Unix seconds. */
function modified(assistant: AssistantRecord, body: ModifyAssistantRequest, at: number): AssistantRecord {
  const { metadata, response_format, tool_resources, file_ids, ...rest } = body;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...(file_ids === undefined ? assistant : withFileIds(assistant, file_ids ?? [], at)),
    ...given,
    tool_resources: withToolResources(assistant.tool_resources, tool_resources),
    ...(metadata !== undefined && { metadata: metadata ?? {} }),
    ...(response_format !== undefined && { response_format: response_format ?? 'auto' }),
  };
}
