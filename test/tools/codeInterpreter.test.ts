import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pyodideSandbox } from '../../src/adapters/pyodide/pyodideSandbox';
import type { CodeInterpreterTool } from '../../src/agentLoop/ports';
import type { Scope } from '../../src/scope';
import { codeInterpreterLimits, codeInterpreterTool } from '../../src/tools/codeInterpreter';
import { SandboxUnavailableError, type Sandbox, type SandboxResult } from '../../src/tools/ports';
import { scope, testRetrieval, type TestRetrieval } from '../support/retrievalPorts';

jest.setTimeout(120_000);

let test: TestRetrieval;
let sandbox: Sandbox;
let tool: CodeInterpreterTool;
beforeAll(async () => {
  test = await testRetrieval();
  sandbox = pyodideSandbox({ startsAhead: false });
  tool = codeInterpreterTool(test.retrieval, sandbox);
});
afterAll(async () => {
  await sandbox.close();
  await test.close();
});

const run = async (code: string, fileIds: string[] = [], session = 'thread_1', owner: Scope = scope) =>
  tool.run({ scope: owner, session, code, fileIds });

async function upload(filename: string, content: string): Promise<string> {
  const file = await test.retrieval.files.create(scope, async (take) => ({
    file: await take(Readable.from([Buffer.from(content)]), filename),
    fields: { purpose: 'assistants' },
  }));
  return file.id;
}

async function contentOf(fileId: string): Promise<string> {
  return text((await test.retrieval.files.content(scope, fileId)).content);
}

describe('over real Python', () => {
  it('reads the files of the scope and stores what the code writes as its output', async () => {
    const input = await upload('numbers.csv', '1\n2\n3\n');
    const code =
      'total = sum(map(int, open("/mnt/data/numbers.csv")))\nopen("/mnt/data/out/total.txt", "w").write(str(total));';
    const { logs, images, files } = await run(`import os\nos.makedirs("/mnt/data/out")\n${code}`, [input]);
    expect([logs, images]).toEqual(['', []]);
    expect(files).toEqual([{ fileId: expect.stringMatching(/^file-/), path: '/mnt/data/out/total.txt' }]);
    const fileId = files[0]?.fileId ?? '';
    expect(await contentOf(fileId)).toBe('6');
    expect(await test.retrieval.files.get(scope, fileId)).toMatchObject({
      filename: 'total.txt',
      purpose: 'assistants_output',
      bytes: 1,
    });
  });

  it('keeps the state of a thread, apart from threads of the same id in another scope', async () => {
    await run('secret = 42');
    expect((await run('secret')).logs).toBe('42\n');
    expect((await run('"secret" in globals()', [], 'thread_1', { ...scope, tenant: 'team-b' })).logs).toBe('False\n');
    expect((await run('"secret" in globals()', [], 'thread_1', { ...scope, project: 'p' })).logs).toBe('False\n');
  });

  it('cannot be handed the file of another tenant', async () => {
    const input = await upload('private.txt', 'private');
    const { logs } = await run('import os; os.listdir("/mnt/data")', [input], 'thread_1', {
      ...scope,
      tenant: 'team-b',
    });
    expect(logs).toBe(`[]\n[File ${input} is not there any more.]\n`);
  });

  it('tells images from other files by their content', async () => {
    const { images, files } = await run(`
def write(name, content): open(name, "wb").write(content)
write("a.png", b"\\x89PNG\\r\\n\\x1a\\n....")
write("b.dat", b"\\xff\\xd8\\xff\\xe0....")
write("c.gif", b"GIF89a....")
write("d", b"RIFF....WEBPVP8 ")
write("e.svg", b"<?xml version='1.0'?>\\n<!-- made -->\\n<svg xmlns='http://www.w3.org/2000/svg'/>")
write("not.png", b"text")
write("wave.webp", b"RIFF....WAVE")
write("page.svg", b"<html><svg/></html>")
write("empty.png", b"")`);
    const names = (list: { path: string }[]) => list.map(({ path }) => path.replace('/mnt/data/', ''));
    expect(names(images)).toEqual(['a.png', 'b.dat', 'c.gif', 'd', 'e.svg']);
    expect(names(files)).toEqual(['empty.png', 'not.png', 'page.svg', 'wave.webp']);
  });

  it('gives files of one name distinct names, in the order of their ids', async () => {
    const ids = [await upload('same.csv', 'one'), await upload('same.csv', 'two'), await upload('same', 'three')];
    const code = '[open(name).read() for name in ("same.csv", "same-2.csv", "same")]';
    expect((await run(code, [...ids, ids[0] ?? ''], 'thread_1')).logs).toBe("['one', 'two', 'three']\n");
  });

  it('puts what earlier code wrote into a session that begins anew, and nothing where another file stands', async () => {
    const given = await upload('given.csv', 'given');
    const [own, same] = [await upload('own.csv', 'own'), await upload('given.csv', 'written')];
    const written = [
      ['/mnt/data/out/own.csv', own],
      ['/mnt/data/given.csv', same],
      // Folders then, or now, of what are files.
      ['/mnt/data/given.csv/part', same],
      ['/mnt/data/out', same],
    ].map(([path = '', id = '']) => ({
      id,
      path,
      bytes: 7,
      isWritten: true,
      open: async () => (await test.retrieval.files.content(scope, id)).content,
    }));
    const code = '[open("/mnt/data/" + name).read() for name in ("given.csv", "out/own.csv")]';
    const placed = { files: written, removed: [] };
    const { logs, files } = await tool.run({ scope, session: 'thread_anew', code, fileIds: [given], placed });
    expect([logs, files]).toEqual(["['given', 'own']\n", []]);
  });

  it('puts a file of callers back as code has left it since, and one that came later as it came', async () => {
    const [first, changed, later] = [
      await upload('table.csv', 'as given'),
      await upload('table.csv', 'as changed'),
      await upload('list.csv', 'as it came'),
    ];
    const { created_at } = await test.retrieval.files.get(scope, first);
    const written = (id: string, path: string, at: number) => ({
      id,
      path,
      bytes: 10,
      isWritten: true,
      created_at: at,
      open: async () => (await test.retrieval.files.content(scope, id)).content,
    });
    const files = [
      written(changed, '/mnt/data/table.csv', created_at),
      written(changed, '/mnt/data/list.csv', created_at - 1),
    ];
    const code = '[open(name).read() for name in ("table.csv", "list.csv")]';
    const request = { scope, session: 'thread_changed', code, fileIds: [first, later], placed: { files, removed: [] } };
    expect((await tool.run(request)).logs).toBe("['as changed', 'as it came']\n");
    await tool.run({ ...request, code: 'open("table.csv", "w").write("now");' });
    expect((await tool.run(request)).logs).toBe("['now', 'as it came']\n");
  });
});

describe('over any sandbox', () => {
  const limits = { inputFiles: 2, inputBytes: 10, outputFiles: 2, outputBytes: 10, outputCharacters: 100 };
  /** A sandbox that runs nothing, and whose code has written these files. */
  function wrote(written: [path: string, content: string][], output = '', more = false): Sandbox {
    const result: SandboxResult = {
      more,
      written: written.map(([path, content]) => ({
        path,
        bytes: Buffer.byteLength(content),
        open: async () => Promise.resolve(Readable.from([Buffer.from(content)])),
      })),
    };
    return {
      run: async (_, collect) => {
        await collect(result);
        return output;
      },
      prepare: () => undefined,
      end: () => Promise.resolve(),
      close: async () => Promise.resolve(),
    };
  }
  const runWith = async (given: Sandbox, fileIds: string[] = [], used = limits) =>
    codeInterpreterTool(test.retrieval, given, used).run({ scope, session: 't', code: '', fileIds });

  it('hands on no more files and bytes than the limits, and says which are left out', async () => {
    const many = await runWith(
      wrote([
        ['/mnt/data/a', '1'],
        ['/mnt/data/b', '2'],
        ['/mnt/data/c', '3'],
      ]),
    );
    expect(many.files.map(({ path }) => path)).toEqual(['/mnt/data/a', '/mnt/data/b']);
    expect(many.logs).toContain('[/mnt/data/c is not handed on: ');
    const large = await runWith(
      wrote(
        [
          ['/mnt/data/a', '12345678901'],
          ['/mnt/data/b', '2'],
        ],
        '',
        true,
      ),
    );
    expect(large.files.map(({ path }) => path)).toEqual(['/mnt/data/b']);
    expect(large.logs).toMatch(
      /\[\/mnt\/data\/a is not handed on: .*\]\n\[More files were written than can be looked at/,
    );
  });

  it('takes no more input than the limits, and says what is left out', async () => {
    const ids = [
      await upload('a', '1234567'),
      await upload('large', '12345'),
      await upload('b', '1'),
      await upload('c', '1'),
    ];
    let names: string[] = [];
    const seen: Sandbox = {
      ...wrote([]),
      run: async ({ files }) => {
        names = files.map(({ name }) => name);
        return Promise.resolve('');
      },
    };
    const { logs } = await runWith(seen, ids);
    expect(names).toEqual(['a', 'b']);
    expect(logs).toMatch(/^\[File large is left out: .*\]\n\[File c is left out: .*\]\n$/);
  });

  it('cuts an output that is too long in its middle, with a line that says so', async () => {
    const { logs } = await runWith(wrote([], `${'a'.repeat(60)}${'b'.repeat(60)}`));
    expect(logs).toBe(`${'a'.repeat(50)}\n[20 characters of the output are cut here.]\n${'b'.repeat(50)}`);
    expect((await runWith(wrote([], 'x'.repeat(100)))).logs).toBe('x'.repeat(100));
  });

  it.each([
    ['/mnt/data/a\\..\\b.txt', 'b.txt'],
    ['/mnt/data/\u0007bell\n.txt', 'bell.txt'],
    ['/mnt/data/ ', 'file'],
    [`/mnt/data/${'n'.repeat(300)}.csv`, `${'n'.repeat(196)}.csv`],
  ])('stores %j under a name that is safe', async (path, filename) => {
    const { files } = await runWith(wrote([[path, 'x']]));
    expect(await test.retrieval.files.get(scope, files[0]?.fileId ?? '')).toMatchObject({ filename });
  });

  it('leaves no file behind when a later one cannot be stored', async () => {
    const before = (await test.retrieval.files.list(scope, { limit: 1000, order: 'asc' })).data.length;
    const tooLarge = 'x'.repeat(1024 * 1024 + 1);
    const written = wrote([
      ['/mnt/data/a', '1'],
      ['/mnt/data/b', tooLarge],
    ]);
    await expect(runWith(written, [], codeInterpreterLimits)).rejects.toMatchObject({ status: 413 });
    expect((await test.retrieval.files.list(scope, { limit: 1000, order: 'asc' })).data).toHaveLength(before);
  });

  it('rejects with 503 and the reason where no sandbox can be had', async () => {
    const none = { ...wrote([]), run: async () => Promise.reject(new SandboxUnavailableError('none')) };
    await expect(runWith(none)).rejects.toMatchObject({ status: 503, message: 'none' });
  });
});
