/** What every sandbox must do, whoever runs its Python. */
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Sandbox, SandboxFile, TakenFile } from '../../src/tools/ports';

export type RunCode = (
  code: string,
  options?: { session?: string; files?: SandboxFile[]; taken?: TakenFile[]; signal?: AbortSignal },
) => Promise<{ output: string; written: Record<string, string>; more: boolean }>;

/** Runs code; answers its output and what it wrote, as text by path. */
export const runIn =
  (sandbox: Sandbox): RunCode =>
  async (code, { session = 'a', files = [], taken, signal } = {}) => {
    const found: Record<string, string> = {};
    let isMore = false;
    const collect: Parameters<Sandbox['run']>[1] = async ({ written, more }) => {
      isMore = more;
      for (const file of written) {
        const content = await text(await file.open());
        expect(Buffer.byteLength(content)).toBe(file.bytes);
        found[file.path] = content;
      }
    };
    const output = await sandbox.run({ session, code, files, taken }, collect, signal);
    return { output, written: found, more: isMore };
  };

export function fileOf(id: string, name: string, content: string | Buffer): SandboxFile {
  return { id, name, open: async () => Promise.resolve(Readable.from([Buffer.from(content)])) };
}

export const LOST = /^\[The Python session was started anew/;

/** The suite; it closes the sandbox. */
export function describeSandbox(name: string, open: () => Promise<Sandbox>): void {
  describe(`${name} as a sandbox`, () => {
    let sandbox: Sandbox;
    let run: RunCode;
    beforeAll(async () => {
      sandbox = await open();
      run = runIn(sandbox);
    });
    afterAll(async () => sandbox.close());

    it('keeps variables, imports and files of a session between calls, apart from other sessions', async () => {
      expect(await run('import math\nx = 20\nopen("kept.txt", "w").write("k");')).toMatchObject({ output: '' });
      const next = await run('print(math.floor(x + 1.5), open("/mnt/data/kept.txt").read())');
      expect(next).toEqual({ output: '21 k\n', written: {}, more: false });
      const other = await run('print("x" in globals(), __import__("os").listdir("/mnt/data"))', { session: 'b' });
      expect(other.output).toBe('False []\n');
    });

    it.each([
      ['the value of the last expression', '1\n"a" + "b"', "'ab'\n"],
      ['no value where it is None, an assignment or ends with a semicolon', 'print()\nNone', '\n'],
      ['nothing for a last expression with a semicolon', '5;', ''],
      ['nothing for code that is empty', '', ''],
      ['characters beyond ASCII', '"é 漢 😀"', "'é 漢 😀'\n"],
      ['standard error too', 'import sys\nsys.stderr.write("told\\n");', 'told\n'],
      ['the last value as _', '40 + 2\n', '42\n'],
      ['the value before as _', '_ + 1', '43\n'],
    ])('prints %s', async (_, code, output) => {
      expect((await run(code)).output).toBe(output);
    });

    it('tells an exception with a traceback of the code alone, with its lines', async () => {
      const { output } = await run('def f(n):\n    return 1 / n\n\nf(0)');
      expect(output).toMatch(
        /^Traceback \(most recent call last\):\n {2}File "<[\w -]+>", line 4, in <module>\n {4}f\(0\)[^]*line 2, in f\n {4}return 1 \/ n[^]*ZeroDivisionError: division by zero\n$/,
      );
    });

    it.each([
      ['x = 1\ny = = 2', 'SyntaxError: invalid syntax'],
      ['import sys\nsys.exit("over")', 'SystemExit: over'],
      ['raise KeyboardInterrupt', 'KeyboardInterrupt'],
      ['def f(): f()\nf()', 'RecursionError'],
      ['import os, shutil\nos.chdir("/")\nshutil.rmtree("/mnt/data")\n1/0', 'ZeroDivisionError'],
    ])('goes on after %j', async (code, told) => {
      expect((await run(code)).output).toContain(told);
      expect((await run('1')).output).toBe('1\n');
    });

    it('reads files, and hands on those that are new or changed', async () => {
      const files = [fileOf('1', 'in.csv', 'a,b\n1,2\n'), fileOf('2', 'same.txt', 'old!')];
      const code = `
import os
print(open('/mnt/data/in.csv').read())
os.makedirs('out/deep')
open('out/deep/new.txt', 'w').write('new')
open('/mnt/data/same.txt', 'w').write('NEW!')
open('empty', 'w').close()`;
      const { output, written } = await run(code, { session: 'b', files });
      expect(output).toBe('a,b\n1,2\n\n');
      expect(written).toEqual({
        '/mnt/data/empty': '',
        '/mnt/data/out/deep/new.txt': 'new',
        '/mnt/data/same.txt': 'NEW!',
      });
      const next = await run('open("same.txt").read()', { session: 'b', files });
      expect(next).toMatchObject({ output: "'NEW!'\n", written: {} });
      expect(await run('import os\nprint(sorted(os.listdir()))', { session: 'b' })).toEqual({
        output: "['empty', 'in.csv', 'out', 'same.txt']\n",
        written: {},
        more: false,
      });
    });

    it('places another file of a name that is taken', async () => {
      const read = 'print(open("in.csv").read())';
      expect((await run(read, { session: 'b', files: [fileOf('9', 'in.csv', 'other')] })).output).toBe('other\n');
    });

    it('takes files away once, and puts one there again that is asked for', async () => {
      const list = 'import os\nprint(sorted(os.listdir()))';
      const kept = fileOf('k', 'kept.txt', 'k');
      const files = [kept, fileOf('g', 'gone.txt', 'g')];
      expect((await run(list, { session: 'c', files })).output).toBe("['gone.txt', 'kept.txt']\n");
      const taken = [
        { key: '1', name: 'gone.txt' },
        { key: '2', name: 'never.txt' },
      ];
      expect(await run(list, { session: 'c', files: [kept], taken })).toEqual({
        output: "['kept.txt']\n",
        written: {},
        more: false,
      });
      await run('open("gone.txt", "w").write("new");', { session: 'c', files: [kept], taken });
      expect((await run('open("gone.txt").read()', { session: 'c', files: [kept], taken })).output).toBe("'new'\n");
      const again = [...taken, { key: '3', name: 'gone.txt' }];
      expect((await run('open("gone.txt").read()', { session: 'c', files, taken: again })).output).toBe("'g'\n");
    });

    it('forgets a session that is ended', async () => {
      await run('x = 1', { session: 'e' });
      await sandbox.end('e');
      await sandbox.end('never begun');
      expect((await run('"x" in globals()', { session: 'e' })).output).toBe('False\n');
    });

    it('puts what earlier code wrote into a session that begins, and not into one where code ran', async () => {
      const out = { ...fileOf('o', 'out/deep.txt', 'stored'), onlyAtStart: true };
      const read = 'open("/mnt/data/out/deep.txt").read()';
      expect((await run(read, { session: 'd', files: [out] })).output).toBe("'stored'\n");
      const other = { ...fileOf('p', 'out/deep.txt', 'newer'), onlyAtStart: true };
      expect((await run(read, { session: 'd', files: [out, other] })).output).toBe("'stored'\n");
    });

    it.each([
      "it's [1]{2}.txt",
      'räksmörgås 東京.txt',
      '#50% & more?.txt',
      '..twice..txt',
      ' spaces .txt',
      '-dash+plus!~.txt',
    ])('reads and hands on a file of the name %j', async (name) => {
      const code = `content = open(${JSON.stringify(name)}).read()\nopen("copy of " + ${JSON.stringify(name)}, "w").write(content * 2);`;
      const { output, written } = await run(code, { session: 'b', files: [fileOf(name, name, 'text ')] });
      expect({ output, written }).toEqual({ output: '', written: { [`/mnt/data/copy of ${name}`]: 'text text ' } });
    });

    it('moves files of megabytes in and out unharmed', async () => {
      const content = Buffer.alloc(5_000_001, 'abcdefg');
      const large = { id: 'l', name: 'large.bin', open: async () => Promise.resolve(Readable.from(pieces(content))) };
      const code = 'data = open("large.bin", "rb").read()\nopen("copy.bin", "wb").write(data[::-1]);';
      const { written } = await run(code, { session: 'b', files: [large] });
      expect(written['/mnt/data/copy.bin'] === content.reverse().toString()).toBe(true);
    });

    it('tells of at most 1000 files, and that there are more', async () => {
      const code = 'import os\nos.makedirs("many")\nfor n in range(1100): open(f"many/n{n}.txt", "w").close()';
      let told = 0;
      let isMore = false;
      const collect: Parameters<Sandbox['run']>[1] = async ({ written, more }) => {
        told = written.length;
        isMore = more;
        return Promise.resolve();
      };
      await sandbox.run({ session: 'b', code, files: [] }, collect);
      expect([told > 900, told <= 1000, isMore]).toEqual([true, true, true]);
    });

    it('takes calls one after another', async () => {
      const runs = Array.from({ length: 5 }, async (_, n) => run(`order = globals().get('order', []) + [${n}]`));
      await Promise.all(runs);
      expect((await run('order')).output).toBe('[0, 1, 2, 3, 4]\n');
    });

    it('ends the code when the call is aborted, and says next that the state is lost', async () => {
      const controller = new AbortController();
      const running = run('while True: pass', { session: 'b', signal: controller.signal });
      setTimeout(() => controller.abort(new Error('cancelled by test')), 300);
      await expect(running).rejects.toThrow('cancelled by test');
      const next = await run('print(1)', { session: 'b' });
      expect(next.output).toMatch(LOST);
      expect(next.output).toMatch(/\n1\n$/);
      await expect(run('1', { session: 'c', signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow(
        'before',
      );
    });

    it('throws what the collecting throws', async () => {
      const failing = sandbox.run({ session: 'd', code: '1', files: [] }, async () =>
        Promise.reject(new Error('full')),
      );
      await expect(failing).rejects.toThrow('full');
    });
  });
}

function* pieces(content: Buffer): Generator<Buffer> {
  for (let start = 0; start < content.length; start += 70_000)
    yield Buffer.from(content.subarray(start, start + 70_000));
}
