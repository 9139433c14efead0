/** The app's functions, checked by the host's rules and sorted by the kind of their trigger. */
import type { BindingInfo } from './coreTypes';
import type { RegisteredFunction } from './functionsCore';
import type { TriggerFunction } from './functionInvoker';

/** The app needs something that the local host does not do; the message is one line that names it. */
export class HostStartError extends Error {
  override readonly name = 'HostStartError';
}

/** A function that can be invoked. */
export interface HostFunction extends RegisteredFunction {
  name: string;
  trigger: BindingInfo;
  /** Names of its `durableClient` inputs. */
  durableClients: string[];
}

export interface FunctionTable {
  /** Lower-cased name → function. */
  all: Map<string, HostFunction>;
  http: HostFunction[];
  blob: HostFunction[];
  timer: HostFunction[];
  orchestrators: Map<string, TriggerFunction>;
  activities: Map<string, TriggerFunction>;
}

/**
 * Checks names and bindings. As on the real host, a function with a wrong name is in error (told to `onError`) and the others run;
 * a disabled one is left out. Throws {@link HostStartError} for kinds of bindings that the local host does not have.
 */
export function buildFunctionTable(
  functions: Iterable<RegisteredFunction>,
  env: NodeJS.ProcessEnv,
  onError: (functionName: string, message: string) => void,
): FunctionTable {
  const table: FunctionTable = {
    all: new Map(),
    http: [],
    blob: [],
    timer: [],
    orchestrators: new Map(),
    activities: new Map(),
  };
  for (const registered of byName(functions)) {
    const { name } = registered.metadata;
    const wrong =
      nameError(registered) ?? (table.all.has(name.toLowerCase()) ? 'another function has this name.' : undefined);
    if (wrong) onError(name, wrong);
    else if (env[`AzureWebJobs.${name}.Disabled`]?.toLowerCase() !== 'true') add(table, toHostFunction(registered));
  }
  return table;
}

function add(table: FunctionTable, entry: HostFunction): void {
  const key = entry.name.toLowerCase();
  const asTrigger = { name: entry.name, bindingName: entry.trigger.name };
  switch (entry.trigger.type.toLowerCase()) {
    case 'httptrigger':
      table.http.push(entry);
      break;
    case 'blobtrigger':
      table.blob.push(entry);
      break;
    case 'timertrigger':
      table.timer.push(entry);
      break;
    case 'orchestrationtrigger':
      table.orchestrators.set(key, asTrigger);
      break;
    case 'activitytrigger':
      table.activities.set(key, asTrigger);
      break;
    default:
      throw new HostStartError(
        `Function '${entry.name}': the local host has no trigger of type '${entry.trigger.type}'.`,
      );
  }
  table.all.set(key, entry);
}

/** Ordinal, ignoring case: the order in which the real host tries routes. */
function byName(functions: Iterable<RegisteredFunction>): RegisteredFunction[] {
  const key = (entry: RegisteredFunction) => entry.metadata.name.toUpperCase();
  return [...functions].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

function nameError({ metadata }: RegisteredFunction): string | undefined {
  if (!/^[a-z][a-z0-9_-]{0,127}$/i.test(metadata.name) || metadata.name.toLowerCase() === 'host') {
    return 'the name must be a letter and up to 127 letters, digits, - or _, and not host.';
  }
  const binding = Object.keys(metadata.bindings).find((name) => !/^([a-z][a-z0-9]{0,127}|\$return)$/i.test(name));
  return binding === undefined
    ? undefined
    : `the binding name '${binding}' must be a letter and up to 127 letters or digits.`;
}

function toHostFunction(registered: RegisteredFunction): HostFunction {
  const { name, bindings, retryOptions } = registered.metadata;
  const refuse = (what: string) => new HostStartError(`Function '${name}': the local host has no ${what}.`);
  const entries = Object.entries(bindings);
  const [, trigger] = entries.find(([, binding]) => /trigger$/i.test(binding.type)) ?? [];
  if (!trigger) throw refuse('functions without a trigger');
  if (retryOptions) throw refuse('retry options');
  const durableClients: string[] = [];
  for (const [key, binding] of entries) {
    if (binding === trigger) continue;
    const type = binding.type.toLowerCase();
    const isHttpReturn = key === '$return' && type === 'http';
    if (binding.direction === 'in' && type === 'durableclient') durableClients.push(key);
    else if (!isHttpReturn)
      throw refuse(`${binding.direction === 'in' ? 'input' : 'output'} of type '${binding.type}'`);
  }
  return { ...registered, name, trigger, durableClients };
}
