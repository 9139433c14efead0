/** What assistants, threads and runs need of the outside. */
import type { Readable } from 'node:stream';
import type { ChatModel } from '../models/ports';
import type { Clock } from '../models/retry';
import type { Scope } from '../scope';
import type { Records } from '../storage/ports';

/** A passage found by the file_search tool. */
export interface FoundPassage {
  fileId: string;
  filename: string;
  /** 0 to 1. */
  score: number;
  text: string;
}

/** The file_search tool over vector stores. */
export interface FileSearchTool {
  /** Best passages first, at most `limit`, none below `scoreThreshold`; several queries share the limit. */
  search(
    scope: Scope,
    vectorStoreIds: string[],
    queries: string[],
    options: { limit: number; scoreThreshold: number },
    signal?: AbortSignal,
  ): Promise<FoundPassage[]>;
}

/** Names the work of ingesting files that joined a vector store. */
export interface IngestionJob {
  scope: Scope;
  storeId: string;
  jobId: string;
}

/** Begins a job. Not throwing, it may fail: what was not begun is found by the sweep. */
export type BeginIngestion = (job: IngestionJob) => Promise<void>;

/** The vector stores that tool resources may name, and those that threads have for files attached to messages. */
export interface AttachableVectorStores {
  /** Throws 404 if one does not exist; `param` is where the request names them. */
  check(scope: Scope, ids: string[], param: string): Promise<void>;
  /** Makes a store of these files, which expires seven days after its last use. The job waits to be begun. */
  createForThread(scope: Scope, fileIds: string[]): Promise<IngestionJob>;
  /** Makes a store of the files of an assistant, without expiry. The job waits to be begun. */
  createForAssistant(scope: Scope, assistantId: string, fileIds: string[]): Promise<IngestionJob>;
  /** Adds files to a store. The job waits to be begun. Throws 404 for a store that is not there, 400 for an expired one. */
  addFiles(scope: Scope, storeId: string, fileIds: string[]): Promise<IngestionJob>;
  /** Takes a file out of a store; does nothing where it is not in it. */
  removeFile(scope: Scope, storeId: string, fileId: string): Promise<void>;
  /** Notes that a run uses the store; whether all its files are ingested. A store that is not there counts as such. */
  noteUse(scope: Scope, storeId: string): Promise<boolean>;
  /** Deletes the store. Throws 404 if it is not there. */
  remove(scope: Scope, storeId: string): Promise<void>;
}

/** The uploaded files that messages and tool resources may name. */
export interface AttachableFiles {
  /** The first of the ids that names no file. */
  firstMissing(scope: Scope, ids: string[]): Promise<string | undefined>;
  /** The content as a stream, which the caller must read or destroy, with its size in bytes; undefined if there is no such file. */
  open(scope: Scope, id: string): Promise<{ size: number; content: Readable } | undefined>;
}

/** What a piece of code did. */
export interface CodeResult {
  /** Standard output and error, the value of the last expression, and the traceback of an exception, in the order they came. */
  logs: string;
  /** Images that the code showed or wrote, as stored files. */
  images: { fileId: string; path: string }[];
  /** Other files that the code wrote below `/mnt/data`, as stored files with the path the code used. */
  files: { fileId: string; path: string }[];
}

/** The code_interpreter tool: Python in a sandbox whose state lasts between the calls of one thread. */
export interface CodeInterpreterTool {
  /** Says that a run may call it soon: the sandbox then starts while the model still thinks. */
  prepare?(): void;
  /**
   * Runs the code with the files readable under `/mnt/data/{file name}`. What goes wrong in the code, and an overrun limit, is told in `logs`;
   * a sandbox that cannot be had rejects.
   */
  run(
    request: { scope: Scope; threadId: string; code: string; fileIds: string[] },
    signal?: AbortSignal,
  ): Promise<CodeResult>;
}

export interface AssistantsPorts {
  records: Records;
  chat: ChatModel;
  fileSearch: FileSearchTool;
  vectorStores: AttachableVectorStores;
  files: AttachableFiles;
  /** Absent: CODE_INTERPRETER is off, and a run with the tool is refused. */
  codeInterpreter?: CodeInterpreterTool;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Resolves after so many milliseconds, rejects with the signal's reason; by default by the system's timers. */
  sleep?: Clock['sleep'];
  /** Life of a run in seconds. */
  runExpiresSeconds: number;
  /** Faults that a caller must not see in detail. */
  logFault: (message: string, error: unknown) => void;
}
