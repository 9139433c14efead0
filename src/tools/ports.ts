/** What the tools need of the outside: a sandbox that runs code, and files of the Internet. */
import type { Readable } from 'node:stream';

/** The sandbox cannot be had now; the message says why and what to do. */
export class SandboxUnavailableError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'SandboxUnavailableError';
  }
}

/** A file for the code to read. */
export interface SandboxFile {
  /** The same id and name are the same content. */
  id: string;
  /** Below the data folder. */
  name: string;
  /** It is put there only as long as no code has run in the session. */
  onlyAtStart?: boolean;
  open(): Promise<Readable>;
}

/** A file that the code must not find any more. */
export interface TakenFile {
  /** Of its removal, which is done once a session; files of that name that are asked for are put there again. */
  key: string;
  /** Below the data folder. */
  name: string;
}

/** A file that the code wrote. */
export interface WrittenFile {
  /** As the code sees it, such as `/mnt/data/chart.png`. */
  path: string;
  bytes: number;
  /** The content, which must be read or destroyed before the next is opened. */
  open(): Promise<Readable>;
}

/** What a piece of code has left. */
export interface SandboxResult {
  /** The files below the data folder that are new or changed since the call began, in the order of their paths. */
  written: WrittenFile[];
  /** There are more than the sandbox tells of. */
  more: boolean;
}

/** Runs Python. Fits a pool of processes here and one of a service alike: a session is known by its name, and its state may be lost between calls. */
export interface Sandbox {
  /**
   * Runs the code in the session, which begins with its first call; calls of one session run one after another. The files are there before the code runs, each
   * placed once a session, and those of `taken` are gone. `collect` takes what the code wrote while the session waits for it. Resolves with the output: standard output and error, the
   * value of the last expression, the traceback of an exception; also that a limit was overrun, and that the state of earlier calls was lost. Throws
   * {@link SandboxUnavailableError}, what `collect` throws, and the signal's reason when aborted, which ends the code.
   */
  run(
    request: { session: string; code: string; files: SandboxFile[]; taken?: TakenFile[] },
    collect: (result: SandboxResult) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<string>;
  /** Says that a run may be asked for soon, so that its start is over by then. */
  prepare(): void;
  /** Ends the session with whatever runs in it, and forgets it; one that is not there stays so. */
  end(session: string): Promise<void>;
  /** Ends what runs, and the sessions that nobody else can go on with. */
  close(): Promise<void>;
}

/** A file could not be downloaded; the message says why and is fit for the caller. */
export class DownloadError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DownloadError';
  }
}

/** Gets files by addresses that callers name. */
export interface FileDownload {
  /** Throws {@link DownloadError}, also for addresses that are not public, or the signal's reason. */
  get(url: string, signal?: AbortSignal): Promise<{ bytes: Buffer; contentType?: string }>;
}
