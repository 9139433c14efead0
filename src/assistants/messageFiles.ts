/**
 * Files that come with messages. Those attached for file_search join the thread's own vector store, which is made for the first of them; those for
 * code_interpreter join the thread's files.
 */
import { ApiError, errors } from '../errors';
import type { Scope } from '../scope';
import type { CreateMessageRequest, ThreadObject } from '../wire/threads';
import { checkImage } from '../agentLoop/imageFiles';
import { newMessage } from './messages';
import type { AssistantsPorts, BeginIngestion, IngestionJob } from './ports';

/** Files that code_interpreter may have in a thread (operations.md 2.6). */
const MAX_CODE_FILES = 20;

/** A message as it was asked for; `path` is where it stands in the request, such as `messages[0].`, for errors. */
export interface AskedMessage {
  body: CreateMessageRequest;
  path: string;
}

/** The messages of a list in a request, `list` being its name there. */
export const askedMessages = (list: string, bodies: CreateMessageRequest[] | null | undefined): AskedMessage[] =>
  (bodies ?? []).map((body, index) => ({ body, path: `${list}[${index}].` }));

/** The thread with what the messages bring it; the very same object where they bring nothing. */
export type JoinThread = (thread: ThreadObject) => Promise<ThreadObject>;

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
    result = await work(async (thread) => files.join(thread));
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
  const attached = messages.flatMap(({ body, path }) =>
    (body.attachments ?? []).map(({ file_id: id }, index) => ({ id, param: `${path}attachments[${index}].file_id` })),
  );
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
  /** By store; the files are added to each but once. */
  private readonly jobs = new Map<string, IngestionJob>();
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
  }

  async join(thread: ThreadObject): Promise<ThreadObject> {
    const resources = { ...thread.tool_resources };
    if (this.executed.length > 0) {
      const ids = [...new Set([...(resources.code_interpreter?.file_ids ?? []), ...this.executed])];
      if (ids.length > MAX_CODE_FILES) throw tooManyCodeFiles(ids.length);
      resources.code_interpreter = { file_ids: ids };
    }
    if (this.searched.length > 0) {
      this.joined = await this.joinStore(resources.file_search?.vector_store_ids[0]);
      resources.file_search = { vector_store_ids: [this.joined] };
    }
    const isSame = this.executed.length === 0 && this.searched.length === 0;
    return isSame ? thread : { ...thread, tool_resources: resources };
  }

  /** Adds the files to the thread's store, or makes it. */
  private async joinStore(existing: string | undefined): Promise<string> {
    const { vectorStores } = this.ports;
    const id = existing ?? this.made;
    if (id !== undefined && this.jobs.has(id)) return id;
    const job =
      id === undefined
        ? await vectorStores.createForThread(this.scope, this.searched)
        : await vectorStores.addFiles(this.scope, id, this.searched);
    if (id === undefined) this.made = job.storeId;
    this.jobs.set(job.storeId, job);
    return job.storeId;
  }

  async published(begin: BeginIngestion | undefined): Promise<void> {
    const job = this.jobs.get(this.joined ?? '');
    if (job) await begin?.(job);
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

const tooManyCodeFiles = (count: number): ApiError =>
  errors.invalidParameter(
    `Invalid 'attachments': the thread would have ${count} files for code_interpreter, and may have ${MAX_CODE_FILES}. Modify the thread's 'tool_resources' to remove some.`,
    'array_above_max_length',
    'attachments',
  );
