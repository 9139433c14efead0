/** `npm run ask` as its user meets it: the compiled command in a process of its own, with the built-in model. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type OpenAI from 'openai';
import { startHost, type Host } from '../support/host';

const root = resolve(__dirname, '..', '..');
const script = join(root, 'dist', 'src', 'localHost', 'ask.js');
const LIMIT_MS = 120_000;

/** Whatever becomes of a test, its processes do not outlive it. */
const children = new Set<ChildProcess>();
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts the command; `until` waits for standard error to match. */
function startAsk(args: string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  const ended = once(child, 'close').then(([code]: (number | null)[]): Ended => {
    children.delete(child);
    return { code: code ?? null, ...output };
  });
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(output.stderr)) {
      const next = await Promise.race([once(child.stderr, 'data'), ended]);
      if ('code' in next && !pattern.test(next.stderr)) throw new Error(`Ended before ${pattern}:\n${next.stderr}`);
    }
  };
  return { child, ended, until };
}

const ask = (args: string[], env: Record<string, string>): Promise<Ended> => startAsk(args, env).ended;

async function objectsOn(client: OpenAI): Promise<number[]> {
  const [files, stores, assistants] = await Promise.all([
    client.files.list(),
    client.vectorStores.list(),
    client.beta.assistants.list(),
  ]);
  return [files.data.length, stores.data.length, assistants.data.length];
}

describe('npm run ask', () => {
  let folder: string;
  let dataDir: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ask-files-'));
    dataDir = await mkdtemp(join(tmpdir(), 'ask-data-'));
    await mkdir(join(folder, 'plans'));
    await writeFile(
      join(folder, 'plans', 'launch.txt'),
      'The lighthouse project starts on 14 March. Its budget is 20,000 crowns.',
    );
    await writeFile(
      join(folder, 'menu.html'),
      '<h1>Menu</h1><p>The canteen serves lentil soup with rye bread on Fridays.</p>',
    );
    await writeFile(join(folder, 'noise.bin'), Buffer.from(Array.from({ length: 600 }, (_, at) => (at * 167) % 256)));
    await writeFile(join(folder, 'empty.txt'), '');
  });
  afterAll(() => Promise.all([folder, dataDir].map((path) => rm(path, { recursive: true }))));

  it.each([
    [['Why?'], /--files is missing/],
    [['--files', '.'], /question is missing/],
    [['--files', '.', 'dist'], /question is missing.*'dist' is a file or folder/],
    [['--wrong', '--files', '.', 'Why?'], /--wrong/],
  ])('ends with 2 and its help on %j', async (args, message) => {
    const { code, stdout, stderr } = await ask(args, {});
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('npm run ask -- --files');
    expect(stdout).toBe('');
  });

  it('prints its help on --help and ends with 0', async () => {
    const { code, stdout } = await ask(['--help'], {});
    expect(code).toBe(0);
    expect(stdout).toContain('npm run ask -- --files');
  });

  it('ends with 1 and one line when a path does not exist, before anything starts', async () => {
    const { code, stderr } = await ask(['--files', 'no/such/file', 'Why?'], {});
    expect([code, stderr]).toEqual([1, "There is no file or folder 'no/such/file'.\n"]);
  });

  it(
    'starts a host when none answers, answers, and stops it',
    async () => {
      // Port 9 is that of the discard service: no host of ours listens there.
      const { code, stdout, stderr } = await ask(['--files', folder, 'When does the lighthouse project start?'], {
        PORT: '9',
        DATA_DIR: dataDir,
        // The tenant and key of the host below.
        API_KEYS: 'alpha:test-key-alpha',
      });
      expect(stderr).toContain('No host answers; one is started');
      expect(stderr).toContain('2 files could not be read:');
      expect(code).toBe(0);
      expect(stdout).toContain('The lighthouse project starts on 14 March. [1]');
      expect(stdout).toMatch(/^\[1\] plans\/launch\.txt — ".*starts on 14 March\.?.*"$/m);
      expect(stdout + stderr).not.toContain('\u001b');
      // It has stopped: its data can be opened by another.
      const next = await startHost({ dataDir });
      expect(await objectsOn(next.openai())).toEqual([0, 0, 0]);
      await next.kill();
    },
    LIMIT_MS,
  );

  it(
    'ends with 1 and the words of a host that does not start',
    async () => {
      const env = { PORT: '9', DATA_DIR: dataDir, RUN_EXPIRES_SECONDS: 'soon' };
      const { code, stderr } = await ask(['--files', folder, 'Why?'], env);
      expect(code).toBe(1);
      expect(stderr).toContain(
        'The host did not start: RUN_EXPIRES_SECONDS: must be a whole number of seconds from 1 to 86400.\n',
      );
    },
    LIMIT_MS,
  );

  describe('with a host that runs', () => {
    let host: Host;
    let env: Record<string, string>;
    beforeAll(async () => {
      host = await startHost();
      env = { PORT: new URL(host.url).port, DATA_DIR: host.dataDir, API_KEYS: `alpha:${host.key()}` };
    }, LIMIT_MS);
    afterAll(() => host.stop());

    it(
      'uses it, whatever OPENAI_BASE_URL says, tells what it could not read, and removes what it made',
      async () => {
        const upstream = { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', OPENAI_API_KEY: 'of the upstream' };
        const question = 'What does the canteen serve on Fridays?';
        const { code, stdout, stderr } = await ask(['--files', folder, question], { ...env, ...upstream });
        expect(stderr).not.toContain('one is started');
        expect(stderr).toContain('--model <deployment>');
        expect(stderr).toMatch(/^ {2}empty\.txt {2}.*empty/m);
        expect(stderr).toMatch(/^ {2}noise\.bin {2}.*binary/m);
        expect(code).toBe(0);
        expect(stdout).toMatch(/lentil soup with rye bread on Fridays\. \[1\]/);
        expect(stdout).toMatch(/^\[1\] menu\.html — ".*lentil soup.*"$/m);
        expect(await objectsOn(host.openai())).toEqual([0, 0, 0]);
      },
      LIMIT_MS,
    );

    it(
      'says so when the files hold no answer',
      async () => {
        const args = ['--files', join(folder, 'menu.html'), 'Who won the cycling race in Lisbon?'];
        const { code, stdout, stderr } = await ask(args, env);
        expect(code).toBe(0);
        expect(stdout).toMatch(/do not answer this question/);
        expect(stderr).toContain('The answer cites nothing.');
      },
      LIMIT_MS,
    );

    it(
      'ends with 1 and the reasons when no file can be read',
      async () => {
        const args = ['--files', join(folder, 'noise.bin'), join(folder, 'empty.txt'), 'Why?'];
        const { code, stdout, stderr } = await ask(args, env);
        expect([code, stdout]).toEqual([1, '']);
        expect(stderr).toMatch(/noise\.bin .*binary/);
        expect(stderr).toMatch(/None of the files could be read\.\n$/);
        expect(await objectsOn(host.openai())).toEqual([0, 0, 0]);
      },
      LIMIT_MS,
    );

    it(
      'ends with 1 and the service’s words for a model that nothing serves, a wrong key and a wrong address',
      async () => {
        const wrongModel = await ask(['--files', folder, '--model', 'nobody', 'Why?'], env);
        expect(wrongModel.code).toBe(1);
        expect(wrongModel.stderr).toMatch(/nobody.*AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS/);
        const wrongKey = await ask(['--files', folder, '--host-url', host.url, '--api-key', 'wrong', 'Why?'], env);
        expect(wrongKey.code).toBe(1);
        expect(wrongKey.stderr).toMatch(/does not accept the key/);
        const wrongAddress = await ask(['--files', folder, '--host-url', `${host.url}/elsewhere`, 'Why?'], env);
        expect(wrongAddress.code).toBe(1);
        expect(wrongAddress.stderr).toMatch(/serves nothing at that address.*http:\/\/127\.0\.0\.1:7071/);
        expect(await objectsOn(host.openai())).toEqual([0, 0, 0]);
      },
      LIMIT_MS,
    );

    it(
      'leaves everything with --keep and tells its ids',
      async () => {
        const { code, stderr } = await ask(['--files', folder, '--keep', 'What is on the menu?'], env);
        expect(code).toBe(0);
        const [, storeId = '', assistantId = '', threadId = ''] =
          /Kept: vector store (\S+), assistant (\S+), thread (\S+), 3 files\./.exec(stderr) ?? [];
        const client = host.openai();
        expect((await client.vectorStores.retrieve(storeId)).file_counts.total).toBe(3);
        expect((await client.beta.threads.messages.list(threadId)).data).toHaveLength(2);
        await client.beta.assistants.delete(assistantId);
        await client.beta.threads.delete(threadId);
        await client.vectorStores.delete(storeId);
        for (const { id } of (await client.files.list()).data) await client.files.delete(id);
      },
      LIMIT_MS,
    );

    it(
      'removes what it made when it is interrupted, and ends with 130',
      async () => {
        const many = join(folder, 'many');
        await mkdir(many);
        const sentence = (at: number) => `Sentence ${at} of a text that takes its time to be embedded, word by word. `;
        const text = Array.from({ length: 400 }, (_, at) => sentence(at)).join('');
        for (let at = 0; at < 8; at++) await writeFile(join(many, `${at}.txt`), `${at} ${text}`);
        const { child, ended, until } = startAsk(['--files', many, 'Why?'], env);
        await until(/Uploading 8\/8/);
        child.kill('SIGINT');
        const { code, stdout } = await ended;
        expect([code, stdout]).toEqual([130, '']);
        expect(await objectsOn(host.openai())).toEqual([0, 0, 0]);
      },
      LIMIT_MS,
    );

    it(
      'tells of a host that goes away',
      async () => {
        const { ended, until } = startAsk(['--files', join(folder, 'many'), 'Why?'], env);
        await until(/Uploading 8\/8/);
        await host.kill();
        const { code, stderr } = await ended;
        expect(code).toBe(1);
        expect(stderr).toMatch(/The host at http:\/\/127\.0\.0\.1:\d+ does not answer/);
      },
      LIMIT_MS,
    );
  });
});
