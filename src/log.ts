/**
 * The log of faults and states. Lines end with what they belong to, as `request=… run=… thread=…`, wherever in the code they were written, and go to the log
 * of the function that is at work. No line holds content of callers beyond what an error's message says.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Ids that lines end with. */
export interface LogFields {
  request?: string;
  tenant?: string;
  run?: string;
  thread?: string;
  response?: string;
  job?: string;
}

/** Of a function's invocation, what takes its lines; the host joins them with the invocation. */
export interface LogSink {
  error(...values: unknown[]): void;
  warn(...values: unknown[]): void;
}

interface LogScope {
  sink: LogSink;
  fields: LogFields;
}

const scopes = new AsyncLocalStorage<LogScope | undefined>();

/** Calls `work`; what is logged while it lasts, also by what it leaves running, goes to `sink` with the fields. */
export const inLogScope = <T>(sink: LogSink, fields: LogFields, work: () => T): T =>
  scopes.run({ sink, fields: { ...fields } }, work);

/** Calls `work` outside any scope: what it makes serves later callers too, whose lines must not tell of this one. */
export const outsideLogScope = <T>(work: () => T): T => scopes.run(undefined, work);

/** Adds ids to the lines that follow in the scope; does nothing outside one. */
export function addLogFields(fields: LogFields): void {
  const scope = scopes.getStore();
  if (scope) Object.assign(scope.fields, fields);
}

function line(message: string): string {
  const fields = Object.entries(scopes.getStore()?.fields ?? {}).filter(([, value]) => value !== undefined);
  return [message, ...fields.map(([name, value]) => `${name}=${value}`)].join(' ');
}

/** A fault of ours, or of what we depend on. */
export function logFault(message: string, error: unknown): void {
  (scopes.getStore()?.sink ?? console).error(line(message), error);
}

/** {@link logFault} of the scope that is there now, for streams, which go on outside of it. */
export function faultLogger(): typeof logFault {
  const scope = scopes.getStore();
  return scope ? (message, error) => scopes.run(scope, logFault, message, error) : logFault;
}

/** What operators should know and nobody need mend at once. */
export function logState(message: string): void {
  (scopes.getStore()?.sink ?? console).warn(line(message));
}
