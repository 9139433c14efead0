/**
 * Files that come with messages. Those attached for file_search join the thread's own vector store, which is made for the first of them; those for
 * code_interpreter join the thread's files. Those of the older form (`file_ids`) name no tool: the thread keeps them for its runs, and the first run that searches has
 * them join the store.
 */
import { ApiError, errors } from '../errors';
import type { Scope } from '../scope';
import type { CreateMessageRequest, ThreadObject } from '../wire/threads';
import { checkImage } from '../agentLoop/imageFiles';
import { newMessage } from './messages';
import type { AssistantsPorts, BeginIngestion, IngestionJob } from './ports';
import type { ThreadRecord } from './threadRecords';

/** Files that code_interpreter may have in a thread (operations.md 2.6). */
const MAX_CODE_FILES = 20;
/** Files that messages may bring a thread by `file_ids`; ours. They are in its record. */
const MAX_UNNAMED_FILES = 500;

/** A message as it was asked for; `path` is where it stands in the request, such as `messages[0].`, for errors. */
export interface AskedMessage {
  body: CreateMessageRequest;
  path: string;
}

/** The messages of a list in a request, `list` being its name there. */
export const askedMessages = (list: string, bodies: CreateMessageRequest[] | null | undefined): AskedMessage[] =>
  (bodies ?? []).map((body, index) => ({ body, path: `${list}[${index}].` }));

/**
 * The thread with what the messages bring it, and `forSearch` with its files of the older form in its store; the very same object where nothing comes to it.
 */
export type JoinThread = (thread: ThreadRecord, forSearch?: boolean) => Promise<ThreadRecord>;

/** The thread as its runs have it: files of the older form are there for code, too. */
export function asRunsHave({ thread, file_ids: ids }: ThreadRecord): ThreadObject {
  if (!ids?.length) return thread;
  const named = thread.tool_resources.code_interpreter?.file_ids ?? [];
  const code_interpreter = { file_ids: [...new Set([...named, ...ids])] };
  return { ...thread, tool_resources: { ...thread.tool_resources, code_interpreter } };
}

/**
 * Lets `work` store messages together with what their files make of the thread. `work` asks for that as often as it has to read the thread anew, and
 * publishes what it got last; then the ingestion begins. Of writers that race to make a thread's store one publishes its own, and the others, reading
 * the thread again, add their files to that one. Throws 404 for a file that is not there, before anything is written, and 400 for an image file that is no image,
 * and for more files than code_interpreter may have.
 */
export async function withMessageFiles<T>(
  ports: Pick<AssistantsPorts, 'files' | 'vectorStores' | 'logFault'>,
  scope: Scope,
  messages: AskedMessage[],
  begin: BeginIngestion | undefined,
  work: (join: JoinThread) => Promise<T>,
): Promise<T> {
  await checkFiles(ports, scope, messages);
  const files = new JoiningFiles(ports, scope, messages);
  let result: T;
  try {
    result = await work(async (thread, forSearch) => files.join(thread, forSearch));
  } catch (error) {
    // After any other failure the write may have been done all the same; a store that nobody names expires by itself.
    if (error instanceof ApiError) await files.discard();
    throw error;
  }
  await files.published(begin);
  return result;
}

/** Throws what making the messages would; makes nothing. */
export async function checkMessages(
  ports: Pick<AssistantsPorts, 'files'>,
  scope: Scope,
  messages: AskedMessage[],
): Promise<void> {
  for (const { body, path } of messages) newMessage(body, '', 0, path);
  await checkFiles(ports, scope, messages);
}

async function checkFiles(
  { files }: Pick<AssistantsPorts, 'files'>,
  scope: Scope,
  messages: AskedMessage[],
): Promise<void> {
  const attached = messages.flatMap(({ body, path }) => [
    ...(body.attachments ?? []).map(({ file_id: id }, index) => ({
      id,
      param: `${path}attachments[${index}].file_id`,
    })),
    ...(body.file_ids ?? []).map((id, index) => ({ id, param: `${path}file_ids[${index}]` })),
  ]);
  const missing = await files.firstMissing(
    scope,
    attached.map(({ id }) => id),
  );
  if (missing !== undefined) throw errors.noFile(missing, attached.find(({ id }) => id === missing)?.param);
  for (const { body, path } of messages) {
    if (typeof body.content === 'string') continue;
    for (const [index, part] of body.content.entries()) {
      if (part.type !== 'image_file') continue;
      await checkImage(files, scope, part.image_file.file_id, `${path}content[${index}].image_file.file_id`);
    }
  }
}

class JoiningFiles {
  private readonly searched: string[];
  private readonly executed: string[];
  private readonly unnamed: string[];
  /** By store; a file is added to each but once. */
  private readonly jobs = new Map<string, { job: IngestionJob; fileIds: string[] }[]>();
  private made: string | undefined;
  private joined: string | undefined;

  constructor(
    private readonly ports: Pick<AssistantsPorts, 'vectorStores' | 'logFault'>,
    private readonly scope: Scope,
    messages: AskedMessage[],
  ) {
    const attachments = messages.flatMap(({ body }) => body.attachments ?? []);
    const idsFor = (tool: string) =>
      attachments.filter(({ tools }) => tools.some(({ type }) => type === tool)).map(({ file_id: id }) => id);
    this.searched = [...new Set(idsFor('file_search'))];
    this.executed = idsFor('code_interpreter');
    this.unnamed = messages.flatMap(({ body }) => body.file_ids ?? []);
  }

  async join(record: ThreadRecord, forSearch = false): Promise<ThreadRecord> {
    const unnamed = this.unnamed.length > 0 ? withUnnamed(record, this.unnamed) : (record.file_ids ?? []);
    const searched = [...this.searched];
    if (forSearch) searched.push(...unnamed.slice(record.searchable ?? 0));
    if (this.executed.length === 0 && this.unnamed.length === 0 && searched.length === 0) return record;
    const resources = { ...record.thread.tool_resources };
    if (this.executed.length > 0) {
      const ids = [...new Set([...(resources.code_interpreter?.file_ids ?? []), ...this.executed])];
      if (ids.length > MAX_CODE_FILES) throw tooManyCodeFiles(ids.length);
      resources.code_interpreter = { file_ids: ids };
    }
    if (searched.length > 0) {
      this.joined = await this.joinStore(resources.file_search?.vector_store_ids[0], searched);
      resources.file_search = { vector_store_ids: [this.joined] };
    }
    return {
      ...record,
      thread: { ...record.thread, tool_resources: resources },
      ...(unnamed.length > 0 && { file_ids: unnamed, searchable: forSearch ? unnamed.length : record.searchable }),
    };
  }

  /** Adds the files to the thread's store, or makes it. */
  private async joinStore(existing: string | undefined, fileIds: string[]): Promise<string> {
    const { vectorStores } = this.ports;
    const id = existing ?? this.made;
    const before = id === undefined ? [] : (this.jobs.get(id) ?? []);
    const had = before.flatMap((one) => one.fileIds);
    const missing = [...new Set(fileIds)].filter((fileId) => !had.includes(fileId));
    if (id !== undefined && missing.length === 0) return id;
    const job =
      id === undefined
        ? await vectorStores.createForThread(this.scope, missing)
        : await vectorStores.addFiles(this.scope, id, missing);
    if (id === undefined) this.made = job.storeId;
    this.jobs.set(job.storeId, [...before, { job, fileIds: missing }]);
    return job.storeId;
  }

  async published(begin: BeginIngestion | undefined): Promise<void> {
    for (const { job } of this.jobs.get(this.joined ?? '') ?? []) await begin?.(job);
    if (this.made !== this.joined) await this.discard();
  }

  /** Removes the store that was made, and is not the thread's. */
  async discard(): Promise<void> {
    if (this.made === undefined) return;
    try {
      await this.ports.vectorStores.remove(this.scope, this.made);
    } catch (error) {
      this.ports.logFault(`Vector store ${this.made}, which no thread needs, was not removed and will expire:`, error);
    }
  }
}

/** The thread's files of the older form with those that come. Throws 400 past their limit. */
function withUnnamed({ file_ids }: ThreadRecord, coming: string[]): string[] {
  const ids = [...new Set([...(file_ids ?? []), ...coming])];
  if (ids.length <= MAX_UNNAMED_FILES) return ids;
  throw errors.invalidParameter(
    `Invalid 'file_ids': the messages of a thread may bring at most ${MAX_UNNAMED_FILES} files. Begin another thread.`,
    'array_above_max_length',
    'file_ids',
  );
}

const tooManyCodeFiles = (count: number): ApiError =>
  errors.invalidParameter(
    `Invalid 'attachments': the thread would have ${count} files for code_interpreter, and may have ${MAX_CODE_FILES}. Modify the thread's 'tool_resources' to remove some.`,
    'array_above_max_length',
    'attachments',
  );
