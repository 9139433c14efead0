/** What responses and conversations need of the outside. */
import type { CodeInterpreterTool, FileSearchTool, AttachableFiles } from '../agentLoop/ports';
import type { ChatModel } from '../models/ports';
import type { Clock } from '../models/retry';
import type { Scope } from '../scope';
import type { Blobs, Records } from '../storage/ports';
import type { InputPart } from '../wire/responseItems';
import type { AgentReference, CreateResponseRequest } from '../wire/responses';
import type { McpClients } from './mcpPort';

/** Reads files that are part of an input. */
export interface InputFiles {
  /**
   * The file's name and its text. Throws 404 for a file that is not there, and 400 naming `param` for one that cannot be read, is too large, or lies at an
   * address that is not reached.
   */
  read(
    scope: Scope,
    part: Extract<InputPart, { type: 'input_file' }>,
    param: string,
    signal?: AbortSignal,
  ): Promise<{ filename: string; text: string }>;
}

/** What an agent's version decides of a response. */
export type AgentSettings = Pick<
  CreateResponseRequest,
  'model' | 'instructions' | 'tools' | 'tool_choice' | 'temperature' | 'top_p' | 'reasoning' | 'text'
>;

/** Foundry's agents. */
export interface AgentResolver {
  /** Without a version the newest. `inputs` fill the placeholders of its instructions. Throws 404 for an agent or a version that does not exist. */
  resolve(
    scope: Scope,
    reference: AgentReference,
    inputs?: Record<string, unknown>,
  ): Promise<{ name: string; version: string; settings: AgentSettings }>;
}

/** The vector stores that a search may go over. */
export interface SearchedStores {
  /** Throws 404 for one that is not there; `param` is where the request names them. */
  check(scope: Scope, ids: string[], param: string): Promise<void>;
}

export interface ResponsesPorts {
  records: Records;
  blobs: Blobs;
  chat: ChatModel;
  fileSearch: FileSearchTool;
  vectorStores: SearchedStores;
  files: AttachableFiles;
  inputFiles: InputFiles;
  agents: AgentResolver;
  mcp: McpClients;
  /** Absent: CODE_INTERPRETER is off, and a response with the tool is refused. */
  codeInterpreter?: CodeInterpreterTool;
  /** Milliseconds since 1970. */
  now: () => number;
  sleep?: Clock['sleep'];
  /** Aborts when the process ends: responses in the background are then let go. */
  ending?: AbortSignal;
  /** Faults that a caller must not see in detail. */
  logFault: (message: string, error: unknown) => void;
}
