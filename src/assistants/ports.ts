/** What assistants, threads and runs need of the outside. */
import type { ChatModel } from '../models/ports';
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

/** The vector stores that tool resources may name. */
export interface AttachableVectorStores {
  /** Throws 404 if one does not exist. */
  check(scope: Scope, ids: string[]): Promise<void>;
}

export interface AssistantsPorts {
  records: Records;
  chat: ChatModel;
  fileSearch: FileSearchTool;
  vectorStores: AttachableVectorStores;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Life of a run in seconds. */
  runExpiresSeconds: number;
  /** Faults that a caller must not see in detail. */
  logFault: (message: string, error: unknown) => void;
}
