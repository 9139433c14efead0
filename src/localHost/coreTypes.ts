/** What passes between `@azure/functions` and the runtime, as far as the local host uses it. */
import type { NamedData, TypedData } from './typedData';

/** Levels of the runtime's log. */
export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';
export type LogCategory = 'user' | 'system';

/** One binding of a function as registered; the options of its type lie beside these. */
export interface BindingInfo {
  type: string;
  direction: 'in' | 'out';
  name: string;
  [option: string]: unknown;
}

/** A function as the library registers it. */
export interface FunctionMetadata {
  name: string;
  functionId?: string;
  bindings: Record<string, BindingInfo>;
  retryOptions?: unknown;
}

export type FunctionCallback = (...args: unknown[]) => unknown;
export type HookCallback = (context: Record<string, unknown>) => unknown;

/** What one invocation is asked to do. */
export interface InvocationRequest {
  invocationId: string;
  functionId: string;
  inputData: NamedData[];
  triggerMetadata: Record<string, TypedData>;
}

/** The runtime's side of one invocation. */
export interface CoreInvocationContext {
  invocationId: string;
  metadata: FunctionMetadata;
  request: InvocationRequest;
  state: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined;
  log(level: LogLevel, category: LogCategory, message: string): void;
}

export interface InvocationResponse {
  invocationId: string;
  outputData?: NamedData[];
  returnValue?: TypedData | null;
}

/** How the library runs one invocation. */
export interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

export interface ProgrammingModel {
  name: string;
  version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities(workerCapabilities: Record<string, string>): Promise<Record<string, string>>;
}
