/**
 * The module `@azure/functions-core`, which the library `@azure/functions` asks for to reach the runtime: registrations, hooks and the log.
 */
import Module from 'node:module';
import type {
  FunctionCallback,
  FunctionMetadata,
  HookCallback,
  LogCategory,
  LogLevel,
  ProgrammingModel,
} from './coreTypes';

const hookNames = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation', 'log'] as const;
export type HookName = (typeof hookNames)[number];

/** One line that the app or the library logs. */
export interface CoreLogEntry {
  level: LogLevel;
  category: LogCategory;
  message: string;
  /** Absent for lines that belong to no invocation. */
  functionName?: string;
}

export interface RegisteredFunction {
  metadata: FunctionMetadata;
  callback: FunctionCallback;
}

class Disposable {
  constructor(private readonly onDispose: () => void) {}
  dispose(): void {
    this.onDispose();
  }
}

/** The hook's name is unknown; the library recognises the error by its class and mark. */
class UnknownHookError extends RangeError {
  readonly isAzureFunctionsSystemError = true;
}

/** Registrations of one app. */
export class FunctionsCore {
  /** Function id → function, in order of registration. */
  readonly functions = new Map<string, RegisteredFunction>();
  /** The bag that the hooks of the whole app share. */
  readonly appHookData: Record<string, unknown> = {};
  private readonly hooks = new Map<HookName, HookCallback[]>(hookNames.map((name) => [name, []]));
  private model: ProgrammingModel | undefined;
  private locked = false;

  /** `write` receives every log line after the app's `log` hooks. */
  constructor(private readonly write: (entry: CoreLogEntry) => void) {}

  /** Ends the time of registrations; the programming model, or undefined if the app never used the library. */
  lock(): ProgrammingModel | undefined {
    this.locked = true;
    return this.model;
  }

  hasHooks(name: HookName): boolean {
    return this.callbacks(name).length > 0;
  }

  /** Runs the hooks of that name in order of registration, each awaited. Rejects with what a hook throws. */
  async runHooks(name: HookName, context: Record<string, unknown>): Promise<void> {
    for (const callback of this.callbacks(name)) await callback(context);
  }

  /** Passes a line through the `log` hooks and on. */
  log(
    level: LogLevel,
    category: LogCategory,
    message: string,
    functionName?: string,
    invocationContext?: unknown,
  ): void {
    const line = { level, category, message };
    const hooks = this.callbacks('log');
    if (hooks.length > 0) {
      const context: Record<string, unknown> = { ...line, invocationContext, hookData: this.appHookData };
      for (const callback of hooks) callback(context);
      line.level = context.level as LogLevel;
      line.message = String(context.message);
    }
    this.write({ ...line, functionName });
  }

  /** The module's exports. */
  moduleExports(version: string): object {
    return {
      version,
      hostVersion: version,
      Disposable,
      registerFunction: (metadata: FunctionMetadata, callback: FunctionCallback) => this.register(metadata, callback),
      registerHook: (name: string, callback: HookCallback) => this.registerHook(name, callback),
      setProgrammingModel: (model: ProgrammingModel) => {
        if (this.locked) throw new Error('The programming model can only be set during app startup.');
        this.model = model;
      },
      getProgrammingModel: () => this.model,
      log: (level: LogLevel, category: LogCategory, message: string) => this.log(level, category, message),
    };
  }

  private register(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
    if (this.locked) throw new Error('A function can only be registered during app startup.');
    const id = metadata.functionId ?? metadata.name;
    if (this.functions.has(id)) throw new Error(`A function with id "${id}" has already been registered.`);
    this.functions.set(id, { metadata, callback });
    return new Disposable(() => {
      if (this.locked) throw new Error('A function can only be disposed during app startup.');
      this.functions.delete(id);
    });
  }

  private registerHook(name: string, callback: HookCallback): Disposable {
    const known = hookNames.find((hook) => hook === name);
    if (!known) throw new UnknownHookError(`Unrecognized hook "${name}".`);
    const callbacks = this.callbacks(known);
    callbacks.push(callback);
    return new Disposable(() => {
      const at = callbacks.indexOf(callback);
      if (at >= 0) callbacks.splice(at, 1);
    });
  }

  private callbacks(name: HookName): HookCallback[] {
    return this.hooks.get(name) ?? [];
  }
}

let installed = false;

/**
 * Makes `require('@azure/functions-core')` give the core's exports, in the whole process and for good: the library keeps what it got
 * first. So there is one local host to a process; a second call throws. Must run before anything loads `@azure/functions`.
 */
export function installFunctionsCore(core: FunctionsCore, version: string): void {
  if (installed) throw new Error('One process holds one local host.');
  installed = true;
  const exports = core.moduleExports(version);
  const original = Module.prototype.require;
  // The library's bundle is CommonJS even when an ES module imports it, so this hook reaches it always.
  Module.prototype.require = Object.assign(function (this: Module, id: string): unknown {
    return id === '@azure/functions-core' ? exports : original.call(this, id);
  }, original);
}
