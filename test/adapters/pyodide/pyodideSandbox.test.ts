import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permissionFlags } from '../../../src/adapters/pyodide/permissionFlags';
import { SandboxUnavailableError } from '../../../src/tools/ports';
import { pyodideSandbox } from '../../../src/adapters/pyodide/pyodideSandbox';
import { describeSandbox, LOST } from '../../conformance/sandbox';
import { zipFile } from '../../fixtures/documents/zipFile';
import { sandboxUnderTest, type SandboxUnderTest } from './sandboxUnderTest';

// Starting Python takes two seconds of a processor that others may use too.
jest.setTimeout(120_000);

describeSandbox('Pyodide', async () => Promise.resolve(pyodideSandbox()));

describe('a session', () => {
  let test: SandboxUnderTest;
  beforeAll(() => {
    test = sandboxUnderTest({ sessions: 2 });
  });
  afterAll(async () => test.close());

  it.each([
    [
      'output and errors in the order they came',
      'import sys\nprint(1)\nsys.stderr.write("2\\n")\nprint(3)',
      '1\n2\n3\n',
    ],
    ['what awaits at the top', 'import asyncio\nawait asyncio.sleep(0.01, "slept")', "'slept'\n"],
    ['what asyncio.run gives', 'import asyncio\nasync def f():\n    return 7\nasyncio.run(f())', '7\n'],
  ])('prints %s', async (_, code, output) => {
    expect((await test.run(code)).output).toBe(output);
  });

  it('tells a syntax error with its place', async () => {
    const { output } = await test.run('x = 1\ny = = 2');
    expect(output).toMatch(/^ {2}File "<cell \d+>", line 2\n {4}y = = 2\n[^]*SyntaxError: invalid syntax\n$/);
  });

  it.each([
    ['input()', 'EOFError: EOF when reading a line'],
    ['import threading\nthreading.Thread(target=print).start()', "RuntimeError: can't start new thread"],
  ])('goes on after %j', async (code, told) => {
    expect((await test.run(code)).output).toContain(told);
    expect((await test.run('1')).output).toBe('1\n');
  });

  it('keeps beginning and end of an output that is too long, in bounded memory', async () => {
    const { output } = await test.run('for n in range(300000): print("line", n)');
    expect(output.length).toBeLessThan(1_200_000);
    expect(output).toMatch(/^line 0\n/);
    expect(output).toMatch(/\n\[\d+ bytes of output are left out here\.\]\n/);
    expect(output).toMatch(/line 299999\n$/);
  });

  it('tells exceptions also where code has closed or replaced its standard streams', async () => {
    const { output } = await test.run('import sys\nprint("begun")\nsys.stderr.close()\n1/0', { session: 'b' });
    expect(output).toMatch(/^begun\nTraceback[^]*ZeroDivisionError/);
    expect((await test.run('import sys\nsys.stdout = None\nprint(1)', { session: 'b' })).output).toBe('');
    expect((await test.run('sys.stdout = sys.__stdout__\nprint(2)', { session: 'b' })).output).toBe('2\n');
  });

  it('gives a MemoryError for more than there is, and keeps its state', async () => {
    await test.run('kept = 5');
    expect((await test.run('b = bytearray(600 * 1024 * 1024)')).output).toContain('MemoryError');
    expect((await test.run('kept')).output).toBe('5\n');
  });

  it('is killed where files take more memory than the limit, and says so', async () => {
    const code = 'print("begun")\nwith open("big", "wb") as big:\n    while True: big.write(b"x" * 20_000_000)';
    const { output } = await test.run(code, { session: 'b' });
    expect(output).toMatch(
      /^begun\n\n\[The code took more than 512 MB of memory, .* The state of the session is lost\.\]\n$/,
    );
    expect((await test.run('1', { session: 'b' })).output).toMatch(LOST);
  });

  it('tells that its process died, and begins anew', async () => {
    const { output } = await test.run('print("begun")\nimport ctypes\nctypes.pythonapi.abort()', { session: 'b' });
    expect(output).toMatch(
      /^begun\n[^]*\[The Python process ended unexpectedly\. The state of the session is lost\.\]\n$/,
    );
    expect(test.faults).toHaveLength(1);
  });
});

describe('the processes', () => {
  it('stop code that runs too long, and are no more than the sessions and one that waits for the next', async () => {
    const test = sandboxUnderTest({ timeLimitMs: 3000, sessions: 1 });
    try {
      test.sandbox.prepare();
      test.sandbox.prepare();
      await untilSpawned(test, 1);
      const { output } = await test.run('print("begun")\nwhile True: pass', { session: 'a' });
      expect(output).toBe(
        'begun\n\n[The code ran longer than 3 seconds, the most that is allowed, and was stopped. The state of the session is lost.]\n',
      );
      expect(test.processes[0]?.signalCode).toBe('SIGKILL');
      await untilSpawned(test, 2);
      await test.run('x = 1', { session: 'b' });
      expect((await test.run('1', { session: 'a' })).output).toMatch(LOST);
      expect((await test.run('"x" in globals()', { session: 'b' })).output).toMatch(/^\[The Python .*\nFalse\n$/);
      const alive = test.processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
      expect(alive.length).toBeLessThanOrEqual(2);
      expect(test.processes.length).toBeLessThanOrEqual(5);
      expect(test.faults).toEqual([]);
    } finally {
      await test.close();
    }
    expect(test.processes.every(({ killed }) => killed)).toBe(true);
  });

  it('end when they were idle for long', async () => {
    const test = sandboxUnderTest({ idleMs: 100, startsAhead: false });
    try {
      await test.run('x = 1');
      const first = test.processes[0];
      if (first?.signalCode === null) await once(first, 'exit');
      expect(test.processes).toHaveLength(1);
    } finally {
      await test.close();
    }
  });

  it('are not started where Node has no permission model', () => {
    expect(() => permissionFlags([], new Set(['--disallow-code-generation-from-strings']))).toThrow(
      SandboxUnavailableError,
    );
    expect(
      permissionFlags(['/a/'], new Set(['--experimental-permission', '--disallow-code-generation-from-strings'])),
    ).toEqual(expect.arrayContaining(['--experimental-permission', '--allow-fs-read=/a/']));
  });
});

describe('packages', () => {
  let folder: string;
  let test: SandboxUnderTest;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wheels-'));
    await writeFile(
      join(folder, 'greeting-1.0-py3-none-any.whl'),
      zipFile([
        { name: 'greeting/__init__.py', content: 'from .words import HELLO\nVERSION = "1.0"\n' },
        { name: 'greeting/words.py', content: 'HELLO = "hello"\n' },
        { name: 'greeting-1.0.dist-info/METADATA', content: 'Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n' },
      ]),
    );
    // Stands in for matplotlib: a backend is a module named by MPLBACKEND that has a canvas and a show().
    await writeFile(
      join(folder, 'matplotlib-0-py3-none-any.whl'),
      zipFile([
        { name: 'matplotlib/__init__.py', content: '' },
        { name: 'matplotlib/backends/__init__.py', content: '' },
        { name: 'matplotlib/backends/backend_agg.py', content: 'class FigureCanvasAgg: pass\n' },
        {
          name: 'matplotlib/pyplot.py',
          content: `
import importlib, os
figures = []
class Figure:
    def savefig(self, path): open(path, 'w').write('a figure')
def plot(*values): figures.append(Figure())
def get_fignums(): return list(range(1, len(figures) + 1))
def figure(number): return figures[number - 1]
def close(which): figures.clear()
def show():
    backend = importlib.import_module(os.environ['MPLBACKEND'].removeprefix('module://'))
    assert backend.FigureCanvas.__name__ == 'FigureCanvasAgg'
    backend.show()
`,
        },
      ]),
    );
    test = sandboxUnderTest({ packageDir: folder, startsAhead: false });
  });
  afterAll(async () => {
    await test.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('of the folder can be imported, with their metadata', async () => {
    const code = 'import greeting, importlib.metadata\nprint(greeting.HELLO, importlib.metadata.version("greeting"))';
    expect((await test.run(code)).output).toBe('hello 1.0\n');
    expect((await test.run('import nothing')).output).toContain("ModuleNotFoundError: No module named 'nothing'");
  });

  it('show figures as images', async () => {
    const code = 'import matplotlib.pyplot as plt\nplt.plot(1)\nplt.show()';
    expect((await test.run(code)).written).toEqual({ '/mnt/data/figure-1.png': 'a figure' });
    expect((await test.run(code)).written).toEqual({ '/mnt/data/figure-2.png': 'a figure' });
  });
});

async function untilSpawned(test: SandboxUnderTest, count: number): Promise<void> {
  while (test.processes.length < count) await new Promise((resolve) => setTimeout(resolve, 20));
}
