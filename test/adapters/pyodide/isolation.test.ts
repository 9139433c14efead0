/** Code that attacks: each test makes a real attempt and looks at what it would have changed or told. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { PythonProcess } from '../../../src/adapters/pyodide/pythonProcess';
import { permissionFlags } from '../../../src/adapters/pyodide/permissionFlags';
import { sandboxUnderTest, type SandboxUnderTest } from './sandboxUnderTest';

jest.setTimeout(120_000);

const compiled = join(__dirname, '..', '..', '..', 'dist', 'src', 'adapters', 'pyodide');

let test: SandboxUnderTest;
let folder: string;
beforeAll(async () => {
  process.env.SANDBOX_TEST_SECRET = 'secret-of-the-environment';
  folder = await mkdtemp(join(tmpdir(), 'attacked-'));
  await writeFile(join(folder, 'secret.txt'), 'secret-of-a-file');
  test = sandboxUnderTest();
});
afterAll(async () => {
  delete process.env.SANDBOX_TEST_SECRET;
  await test.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs each attempt by itself, so that a refused one does not hide the next; answers what they told. */
async function attempt(...attempts: string[]): Promise<string[]> {
  const told: string[] = [];
  for (const code of attempts) told.push((await test.run(code)).output);
  return told;
}

/** A process that would notice being killed. */
async function withVictim(attack: (pid: number) => Promise<void>): Promise<void> {
  const victim = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(victim, 'spawn');
  try {
    await attack(victim.pid ?? 0);
    expect([victim.exitCode, victim.signalCode]).toEqual([null, null]);
  } finally {
    victim.kill('SIGKILL');
  }
}

/** A server on this machine that counts who comes. */
async function withServer(attack: (port: number) => Promise<void>): Promise<void> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined).end('HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nreached');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    await attack(port);
    expect(connections).toBe(0);
    const own = connect(port, '127.0.0.1');
    await once(own.resume(), 'end');
    expect(connections).toBe(1);
  } finally {
    server.close();
  }
}

it('starts no process: fork, exec, spawn, subprocess, system, popen and multiprocessing are refused', async () => {
  const mark = join(folder, 'made');
  const told = await attempt(
    'import os\nos.fork()',
    `import os\nos.execv("/bin/sh", ["sh", "-c", "touch ${mark}"])`,
    `import os\nos.posix_spawn("/bin/touch", ["touch", "${mark}"], {})`,
    `import subprocess\nsubprocess.run(["touch", "${mark}"])`,
    `import os\nprint(os.system("touch ${mark}"), "Error")`,
    `import os\nos.popen("touch ${mark}").read()`,
    'import multiprocessing\nmultiprocessing.Process(target=print).start()',
    `import ctypes\nprint(ctypes.CDLL(None).system(b"touch ${mark}"), "Error")`,
  );
  for (const output of told) expect(output).toMatch(/Error/);
  await expect(readFile(mark)).rejects.toThrow('ENOENT');
});

it('kills nobody, neither by os.kill nor by the C library', async () => {
  await withVictim(async (pid) => {
    const told = await attempt(
      `import os\nos.kill(${pid}, 9)`,
      `import os\nos.killpg(${pid}, 9)`,
      `import ctypes\nprint(ctypes.CDLL(None).kill(${pid}, 9))`,
      `import os, signal\nsignal.pthread_kill(${pid}, 9)`,
    );
    expect(told[0]).toContain('PermissionError');
  });
});

it('reaches no network by sockets, HTTP or web sockets', async () => {
  await withServer(async (port) => {
    const told = await attempt(
      `import socket\nsocket.create_connection(("127.0.0.1", ${port}), 2)`,
      `import urllib.request\nurllib.request.urlopen("http://127.0.0.1:${port}/", timeout=2).read()`,
      `import http.client\nc = http.client.HTTPConnection("127.0.0.1", ${port}, timeout=2)\nc.request("GET", "/")`,
      `import asyncio\nawait asyncio.open_connection("127.0.0.1", ${port})`,
      `from pyodide.http import pyfetch\nawait pyfetch("http://127.0.0.1:${port}/")`,
      `from pyodide.http import open_url\nopen_url("http://127.0.0.1:${port}/").read()`,
      `import micropip\nawait micropip.install("http://127.0.0.1:${port}/a-1-py3-none-any.whl")`,
      `import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.sendto(b"x", ("127.0.0.1", ${port}))\ns.recv(1)`,
      'import socket\ns = socket.socket()\ns.bind(("127.0.0.1", 0))\ns.listen()',
    );
    for (const output of told) expect(output).toMatch(/Error/);
    expect(told.join('')).not.toContain('reached');
  });
});

it('sees nothing of the environment, the command line or the process list', async () => {
  const told = await attempt(
    'import os\nprint(dict(os.environ), os.getenv("SANDBOX_TEST_SECRET"))',
    'import ctypes\nf = ctypes.CDLL(None).getenv\nf.restype = ctypes.c_char_p\nprint(f(b"SANDBOX_TEST_SECRET"), f(b"PATH"))',
    'print(open("/proc/self/environ").read())',
    'import os, sys\nprint(os.listdir("/proc"), sys.argv, sys.executable, sys.orig_argv, os.getcwd())',
  );
  expect(told.join('')).not.toContain('secret-of-the-environment');
  expect(told[1]).toBe("None b'/'\n");
  expect(told[2]).toContain('FileNotFoundError');
  expect(told.join('')).not.toContain(process.cwd());
});

it('reads no file of the machine', async () => {
  const secret = join(folder, 'secret.txt');
  const told = await attempt(
    `print(open("${secret}").read())`,
    `import os\nos.symlink("${folder}", "/mnt/data/link")\nprint(open("/mnt/data/link/secret.txt").read())`,
    `print(open("../../../../../../..${secret}").read())`,
    `import ctypes\nc = ctypes.CDLL(None)\nfd = c.open(b"${secret}", 0)\nb = ctypes.create_string_buffer(99)\nc.read(fd, b, 99)\nprint(fd, b.value, "Error")`,
    'print(open("/etc/hostname").read())',
    `import os\nos.listdir("${folder}")`,
    `import os\nos.listdir("${__dirname}")`,
  );
  for (const output of told) expect(output).toMatch(/Error/);
  expect(told.join('')).not.toContain('secret-of-a-file');
});

it('finds no way to JavaScript: neither a module, nor a function, nor an object that Python holds', async () => {
  const told = await attempt(
    'import js',
    'import pyodide_js',
    'from pyodide_js import _api',
    'from pyodide.code import run_js',
    'import importlib\nimportlib.import_module("js")',
    'from pyodide.ffi import register_js_module, to_js\nregister_js_module("m", to_js([]))\nimport m\nm.constructor.constructor("return 1")()',
    'from pyodide.ffi import to_js\nto_js([]).constructor.constructor("return globalThis")()',
    'from pyodide.ffi import to_js\nto_js({"a": 1}).constructor.constructor("return process")()',
    'from pyodide.ffi import create_proxy\ncreate_proxy(print).constructor.constructor("return 1")()',
    'from pyodide.ffi import JsProxy\nJsProxy.new()',
  );
  for (const output of told) expect(output).toMatch(/Error/);
  const search = `
import gc
from pyodide.ffi import JsProxy
makers = 'Py2JsConverter', 'Js2PyConverter', 'JsFuncSignature'
seen, stack, found = set(), gc.get_objects(), []
while stack:
    thing = stack.pop()
    if id(thing) in seen: continue
    seen.add(id(thing))
    isMaker = type(thing).__name__ in makers or callable(thing) and type(thing) is type(len) and thing.__module__ == '_pyodide_core'
    if isinstance(thing, JsProxy) or isMaker: found.append(thing)
    else: stack.extend(gc.get_referents(thing))
print(len(seen) > 10000, [str(thing)[:80] for thing in found])`;
  const { output } = await test.run(search, { session: 'b' });
  expect(output).toBe('True []\n');
});

it('makes no JavaScript object: what makes one is gone, and cannot be imported, loaded or found again', async () => {
  // What an attempt breaks must not be what stops the next.
  await test.run('import sys\nmodules = dict(sys.modules)');
  const made = (code: string) =>
    `sys.modules.update(modules)\n${code}\nprint("made", getattr(value, "js_error", value).constructor)`;
  const core = 'import _pyodide_core as core\n';
  const attempts = [
    ...['to_js([])', 'create_proxy(print)', 'create_once_callable(print)', 'JsException("Error", "x")'].flatMap(
      (call) => [
        `import pyodide.ffi\nvalue = pyodide.ffi.${call}`,
        `${core}value = core.${call}`,
        `import importlib, pyodide.ffi\nvalue = importlib.reload(pyodide.ffi).${call}`,
        `${core}del sys.modules["_pyodide_core"]\nimport _pyodide_core\nvalue = _pyodide_core.${call}`,
        `import importlib\n${core}value = importlib.reload(core).${call}`,
      ],
    ),
    `import _imp, importlib.machinery as machinery
spec = machinery.ModuleSpec("_pyodide_core", machinery.BuiltinImporter, origin="built-in")
value = _imp.create_builtin(spec).to_js([])`,
    'for name in [name for name in sys.modules if "pyodide" in name]: del sys.modules[name]\nfrom pyodide.ffi import to_js\nvalue = to_js([])',
    `${core}del core.JsException.__new__\nvalue = core.JsException("Error", "x").js_error`,
    `${core}value = BaseException.__new__(core.JsException).js_error`,
    `${core}value = core.py2js_deep.py2js_convert([1])`,
    `${core}value = core.Py2JsConverter.py2js_convert(core.py2js_deep, [1])`,
  ].map(made);
  for (const [index, output] of (await attempt(...attempts)).entries())
    expect([attempts[index], output]).toEqual([attempts[index], expect.stringMatching(/Error(?!.*made)/s)]);
});

it('changes no class of JavaScript, even where ctypes makes anew the module that makes JavaScript objects', async () => {
  const { output: got } = await test.run(
    `import ctypes
init = ctypes.pythonapi.PyInit__pyodide_core
init.restype = ctypes.py_object
core = init()
array, object = core.to_js([1]), core.to_js({'a': 1})
print(array.constructor.name, object.constructor.name)`,
    { session: 'd' },
  );
  expect(got).toBe('Array Object\n');
  const attempts = [
    'array.constructor.prototype.push = print',
    'array.constructor.isArray = 1',
    'object.constructor.prototype.mount = 1',
    'object.constructor.prototype.toString = 1',
    'object.constructor.keys = 1',
    'object.constructor.keys.__proto__.call = 1',
    'del array.constructor.prototype.push',
  ];
  for (const code of attempts) {
    const { output } = await test.run(code, { session: 'd' });
    expect([code, output]).toEqual([code, expect.stringMatching(/Error: Cannot (assign|add|delete)/)]);
  }
  const { written } = await test.run("open('/mnt/data/after', 'w').write('works')", { session: 'd' });
  expect(written).toEqual({ '/mnt/data/after': 'works' });
});

it('hands on no file that is longer than the process said', async () => {
  const python = await PythonProcess.start([], { timeLimitMs: 60_000, memoryLimitMb: 512 });
  const { written } = await python.run("open('/mnt/data/long', 'w').write('0123456789')", () => undefined);
  expect(written).toEqual([{ path: '/mnt/data/long', bytes: 10 }]);
  expect(await text(Readable.from(python.read('/mnt/data/long', 10)))).toBe('0123456789');
  const reading = text(Readable.from(python.read('/mnt/data/long', 9)));
  await expect(reading).rejects.toThrow('A file that the code wrote is longer than it says');
  await python.exited;
});

it('tells nothing of the lockdown when code makes the process end', async () => {
  const { output } = await test.run('import ctypes\nctypes.CDLL(None).abort()', { session: 'c' });
  expect(output).toContain('The Python process ended unexpectedly');
  expect(test.faults.at(-1)).toMatch(/session c/);
  expect(test.faults.at(-1)).not.toMatch(/Refused|not allow|UnhandledRejection/);
});

it('runs no JavaScript that C functions are handed', async () => {
  await withServer(async (port) => {
    const script = `process.stderr.write("ran"); globalThis.ran = 1; require("net").connect(${port}, "127.0.0.1")`;
    for (const name of ['emscripten_run_script', 'emscripten_run_script_int', 'emscripten_run_script_string']) {
      const code = `import ctypes\nprint("begun")\nctypes.CDLL(None).${name}(b'''${script}''')`;
      const { output } = await test.run(code, { session: 'b' });
      expect(output).toContain('begun\n');
      expect(output).toMatch(/Error|The Python process ended unexpectedly/);
    }
  });
});

it('leaves JavaScript in the process, should code ever get there, without files, processes, network, signals, code from strings and a way to change its classes', async () => {
  await withVictim(async (pid) => {
    await withServer(async (port) => {
      const script = join(await realpath(folder), 'inside.js');
      await writeFile(script, insideScript(pid, port));
      const folders = [dirname(script), await realpath(compiled)].map((path) => path + sep);
      const { stdout } = await promisify(execFile)(process.execPath, [...permissionFlags(folders), script], {
        env: {},
      });
      const results: Record<string, string> = JSON.parse(stdout);
      expect(Object.keys(results).length).toBeGreaterThan(20);
      for (const [name, result] of Object.entries(results))
        expect([name, result]).toEqual([name, expect.stringMatching(/^refused/)]);
    });
  });
});

it('dies with its parent, even when the parent is killed while code loops', async () => {
  const script = join(folder, 'parent.js');
  await writeFile(
    script,
    `const childProcess = require('node:child_process');
const { spawn } = childProcess;
childProcess.spawn = (...given) => { const child = spawn(...given); console.log(child.pid); return child; };
const { pyodideSandbox } = require(${JSON.stringify(join(compiled, 'pyodideSandbox.js'))});
const sandbox = pyodideSandbox({ startsAhead: false });
sandbox.run({ session: 'a', code: '1', files: [] }, async () => {}).then(() => {
  sandbox.run({ session: 'a', code: 'while True: pass', files: [] }, async () => {});
  console.log('looping');
});`,
  );
  const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  for await (const text of parent.stdout.setEncoding('utf8')) {
    printed += String(text);
    if (printed.includes('looping')) break;
  }
  const pid = Number.parseInt(printed, 10);
  expect(isAlive(pid)).toBe(true);
  parent.kill('SIGKILL');
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Attempts of JavaScript after the lockdown, with references that a break-out might find, each by its name. */
function insideScript(pid: number, port: number): string {
  return `
const { lockDown } = require(${JSON.stringify(join(compiled, 'lockdown.js'))});
const print = require('node:fs').writeSync.bind(undefined, 1);
const held = Object.fromEntries(['net', 'tls', 'http', 'https', 'http2', 'dgram', 'dns', 'fs', 'fs/promises', 'child_process', 'cluster', 'vm',
  'worker_threads', 'module', 'inspector'].map((name) => [name, require('node:' + name)]));
const native = process;
const socket = new held.net.Socket();
const datagrams = held.dgram.createSocket('udp4');
const all = globalThis;
lockDown();
const attempts = {
  kill: () => native.kill(${pid}, 'SIGKILL'),
  killInside: () => native._kill(${pid}, 9),
  kill2: () => Object.getPrototypeOf(native).kill.call(native, ${pid}, 9),
  dlopen: () => native.dlopen({ exports: {} }, '/lib/x.so'),
  binding: () => native.binding('tcp_wrap'),
  builtin: () => native.getBuiltinModule('fs').readFileSync(__filename),
  exit: () => native.exit(0),
  abort: () => native.abort(),
  chdir: () => native.chdir('/'),
  globalProcess: () => process.kill(${pid}, 9),
  mainModule: () => native.mainModule.require('net').connect(${port}),
  require: () => require('node:net').connect(${port}, '127.0.0.1'),
  requireOther: () => require('node:os').hostname(),
  connect: () => held.net.connect(${port}, '127.0.0.1'),
  socket: () => socket.connect(${port}, '127.0.0.1'),
  newSocket: () => new held.net.Socket().connect(${port}, '127.0.0.1'),
  tls: () => held.tls.connect(${port}),
  http: () => held.http.get('http://127.0.0.1:${port}/'),
  https: () => held.https.get('https://127.0.0.1:${port}/'),
  http2: () => held.http2.connect('http://127.0.0.1:${port}/'),
  listen: () => held.net.createServer().listen(0),
  dgram: () => held.dgram.createSocket('udp4'),
  send: () => datagrams.send('x', ${port}, '127.0.0.1'),
  dns: () => held.dns.lookup('localhost', () => 0),
  fetch: () => all.fetch('http://127.0.0.1:${port}/'),
  WebSocket: () => new all.WebSocket('ws://127.0.0.1:${port}/'),
  EventSource: () => new all.EventSource('http://127.0.0.1:${port}/'),
  readFile: () => held.fs.readFileSync(__filename),
  open: () => held.fs.openSync(__filename),
  writeFile: () => held.fs.writeFileSync('written', ''),
  promises: () => held.fs.promises.readFile(__filename),
  promisesModule: () => held['fs/promises'].readFile(__filename),
  spawn: () => held.child_process.spawn('id'),
  exec: () => held.child_process.execSync('id'),
  fork: () => held.child_process.fork(__filename),
  Worker: () => new held.worker_threads.Worker('1', { eval: true }),
  vm: () => held.vm.runInThisContext('1'),
  createRequire: () => held.module.createRequire('/')('net'),
  inspector: () => held.inspector.open(0),
  eval: () => eval('1'),
  Function: () => new Function('return 1'),
  constructor: () => (() => 0).constructor('return 1')(),
  asyncConstructor: () => (async () => 0).constructor('return 1')(),
  setter: () => Object.defineProperty(Object.prototype, 'mount', { set: () => 0 }),
  method: () => Object.defineProperty(Array.prototype, 'push', { value: () => 0 }),
  bytes: () => Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), 'subarray', { value: () => 0 }),
  buffer: () => Object.defineProperty(Buffer, 'concat', { value: () => 0 }),
  iterator: () => Object.defineProperty(Object.getPrototypeOf([].values()), 'next', { value: () => 0 }),
  apply: () => Object.defineProperty(Reflect, 'apply', { value: () => 0 }),
  toJSON: () => Object.defineProperty(String.prototype, 'toJSON', { value: () => 0 }),
  then: () => Object.defineProperty(Promise.prototype, 'then', { value: () => 0 }),
  memory: () => Object.defineProperty(WebAssembly.Memory.prototype, 'grow', { value: () => 0 }),
  prototype: () => Object.setPrototypeOf(Map.prototype, { get: () => 0 }),
  stackFrames: () => { Error.prepareStackTrace = (_, frames) => frames; if (Array.isArray(new Error().stack)) return 1; throw new Error('refused'); },
};
const results = {};
for (const [name, attack] of Object.entries(attempts)) {
  try {
    results[name] = 'GOT ' + typeof attack();
  } catch (error) {
    results[name] = 'refused: ' + error.message;
  }
}
print(JSON.stringify(results));
`;
}
