/**
 * Takes from the sandbox's process what it does not need, for the case that code gets from Python to JavaScript. The first fence is that Python is left no
 * way there (`cell.ts`; only `ctypes` can make one), the second is Node's permission model; this one also covers what that leaves open: the network and signals.
 */
import Module, { createRequire, syncBuiltinESMExports } from 'node:module';
import { freezeBuiltIns } from './frozenBuiltIns';

/** What Pyodide or Node itself calls on `process` while code runs. */
const neededOfProcess = new Set(['constructor', 'nextTick', 'emitWarning', 'hrtime', 'memoryUsage', 'cwd', 'uptime']);

/** Modules that stay as they are: they reach nothing outside the process. */
const harmlessModules =
  /^(node:)?(assert|async_hooks|buffer|console|constants|crypto|diagnostics_channel|events|path|perf_hooks|process|punycode|querystring|stream|string_decoder|sys|timers|trace_events|tty|url|util|wasi|zlib)(\/|$)/;

/** Removed from the global object. */
const globalNames = [
  'fetch',
  'WebSocket',
  'EventSource',
  'XMLHttpRequest',
  'Request',
  'Response',
  'BroadcastChannel',
  'navigator',
  'localStorage',
  'sessionStorage',
  'Storage',
  'require',
  'module',
];

/** An error that Emscripten's file system and sockets hand to Python as `PermissionError`: EPERM in WASI's numbers. */
class Refused extends Error {
  override readonly name = 'ErrnoError';
  readonly errno = 63;
}

const refuse = (): never => {
  throw new Refused('The sandbox does not allow this.');
};

/** Cannot be undone. After it, the process can use only what its own code has taken hold of before. `classes` are frozen with JavaScript's own. */
export function lockDown(classes: unknown[] = []): void {
  const load = createRequire(__filename);
  const names = Module.builtinModules.filter((name) => !harmlessModules.test(name) && !name.startsWith('_'));
  const updateImports = syncBuiltinESMExports;
  const childProcess = load('node:child_process');
  // Loaded first, since some are made of others.
  for (const holder of names.map((name) => load(name))) refuseAll(holder);
  // Python's os.system() must get an answer: an exception would tear the interpreter.
  childProcess.spawnSync = () => ({ status: 126, signal: null });
  for (const holder of [Module, Module.prototype]) refuseAll(holder);
  Reflect.set(Module, '_load', (name: string) => (name === 'node:child_process' ? childProcess : refuse()));
  Reflect.set(Module.prototype, 'require', Reflect.get(Module, '_load'));
  updateImports();
  refuseAll(process, neededOfProcess);
  refuseAll(Object.getPrototypeOf(process), neededOfProcess);
  for (const name of globalNames) Reflect.deleteProperty(globalThis, name);
  replaceProcess();
  // Neither code from strings nor the frames of the stack, which lead to functions that are out of reach.
  for (const kind of [() => 0, async () => 0, function* () {}, async function* () {}]) {
    Object.defineProperty(Object.getPrototypeOf(kind), 'constructor', { value: undefined });
  }
  Object.defineProperty(Error, 'prepareStackTrace', { value: undefined, writable: false, configurable: false });
  freezeBuiltIns(classes);
}

/** Replaces every function of the holder, and the methods of every class in it. */
function refuseAll(holder: object, needed: ReadonlySet<string> = new Set(['constructor'])): void {
  for (const key of Reflect.ownKeys(holder)) {
    const property = Object.getOwnPropertyDescriptor(holder, key);
    if (needed.has(String(key)) || typeof property?.value !== 'function') continue;
    const prototype: unknown = property.value.prototype;
    if (prototype instanceof Object && prototype !== holder && key !== 'Module') refuseMethods(prototype);
    if (property.configurable) Object.defineProperty(holder, key, { ...property, value: refuse });
    else if (property.writable) Reflect.set(holder, key, refuse);
  }
}

function refuseMethods(prototype: object): void {
  for (const key of ['connect', 'listen', 'bind', 'open', 'send', 'postMessage', 'spawn']) {
    if (Object.hasOwn(prototype, key)) Reflect.set(prototype, key, refuse);
  }
}

/** The global `process` becomes the little that Pyodide reads of it while code runs. */
function replaceProcess(): void {
  const { platform, version, versions } = process;
  const value = Object.freeze({
    platform,
    version,
    versions: Object.freeze({ ...versions }),
    argv: [],
    getuid: () => 1000,
    umask: () => 0o022,
  });
  Object.defineProperty(globalThis, 'process', { value, writable: false, configurable: false });
}
