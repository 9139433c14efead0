/** What the loops of runs and of responses need of the server's tools and files. */
import type { Readable } from 'node:stream';
import type { Scope } from '../scope';
import type { Attributes, Filter, RankingOptions } from '../wire/vectorStores';

/** A passage found by the file_search tool. */
export interface FoundPassage {
  fileId: string;
  filename: string;
  /** 0 to 1. */
  score: number;
  text: string;
  /** Of its file in the store. */
  attributes: Attributes;
}

/** Which passages a search brings. */
export interface PassageOptions {
  limit: number;
  scoreThreshold: number;
  /** Of the files' attributes. */
  filters?: Filter;
  /** Ranker and hybrid weights; absent: those that suit the store's embedding model. */
  ranking?: RankingOptions;
}

/** The file_search tool over vector stores. */
export interface FileSearchTool {
  /** Best passages first, at most `limit`, none below `scoreThreshold`; several queries share the limit. */
  search(
    scope: Scope,
    vectorStoreIds: string[],
    queries: string[],
    options: PassageOptions,
    signal?: AbortSignal,
  ): Promise<FoundPassage[]>;
}

/** The uploaded files that messages, items and tool resources may name. */
export interface AttachableFiles {
  /** The first of the ids that names no file. */
  firstMissing(scope: Scope, ids: string[]): Promise<string | undefined>;
  /** Those that are there, by id; `created_at` in Unix seconds. */
  describe(scope: Scope, ids: string[]): Promise<Map<string, { filename: string; bytes: number; created_at: number }>>;
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

/** A file of a container, for code to read. */
export interface PlacedFile {
  id: string;
  /** Absolute, below `/mnt/data`. */
  path: string;
  bytes: number;
  /** Code wrote it: it is put there only where a session begins anew, and else is as code has left it. */
  isWritten: boolean;
  /** Unix seconds, of what code wrote: it takes the place of a caller's older file that has its path. Without it the caller's stays. */
  created_at?: number;
  /** The content, which the caller must read or destroy. */
  open(): Promise<Readable>;
}

/** What lies in the container that code runs in. */
export interface PlacedFiles {
  files: PlacedFile[];
  /** Files that were deleted; each is taken away once. `id` is that of the deletion. */
  removed: { id: string; path: string }[];
}

/** The code_interpreter tool: Python in a sandbox whose state lasts between the calls of one session. */
export interface CodeInterpreterTool {
  /** Says that a run may call it soon: the sandbox then starts while the model still thinks. */
  prepare?(): void;
  /** Ends the session, so that nothing of it stays in memory. */
  end?(scope: Scope, session: string): Promise<void>;
  /**
   * Runs the code with the files readable under `/mnt/data/{file name}`, and those of its container under their paths. What goes wrong in the code, and an overrun limit, is told in `logs`;
   * a sandbox that cannot be had rejects.
   */
  run(
    request: { scope: Scope; session: string; code: string; fileIds: string[]; placed?: PlacedFiles },
    signal?: AbortSignal,
  ): Promise<CodeResult>;
}
