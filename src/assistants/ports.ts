/** What assistants, threads and runs need of the outside. */
import type { AttachableFiles, CodeInterpreterTool, FileSearchTool } from '../agentLoop/ports';
import type { ChatModel } from '../models/ports';
import type { Clock } from '../models/retry';
import type { Scope } from '../scope';
import type { Records } from '../storage/ports';

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
  /** Aborts when the process ends: runs are then let go. */
  ending?: AbortSignal;
  /** Life of a run in seconds. */
  runExpiresSeconds: number;
  /** Faults that a caller must not see in detail. */
  logFault: (message: string, error: unknown) => void;
}
