import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const script = resolve(__dirname, '..', '..', 'src', 'localHost', 'prepare.mjs');
const run = promisify(execFile);

/** What runs before the commands, in a project of its own whose npm and tsc only say that they were called. */
describe('before npm start and the other commands', () => {
  let root: string;
  let path: string;
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'prepare-')));
    const tools = join(root, 'tools');
    await mkdir(join(root, 'src', 'localHost'), { recursive: true });
    await mkdir(tools);
    await copyFile(script, join(root, 'src', 'localHost', 'prepare.mjs'));
    await writeFile(join(root, 'package-lock.json'), '{}');
    await writeFile(join(tools, 'npm'), '#!/bin/sh\necho "npm $@"\n');
    await chmod(join(tools, 'npm'), 0o755);
    path = [tools, process.env.PATH].join(delimiter);
  });
  afterEach(async () => rm(root, { recursive: true }));

  const compiler = async (folder: string): Promise<void> => {
    await mkdir(join(folder, 'typescript', 'bin'), { recursive: true });
    await writeFile(join(folder, 'typescript', 'bin', 'tsc'), "console.log('tsc')");
  };
  const prepare = async () =>
    run(process.execPath, [join(root, 'src', 'localHost', 'prepare.mjs')], { env: { ...process.env, PATH: path } });

  it('installs and compiles, and leaves standard output to the command, whose answer may go to a program', async () => {
    await compiler(join(root, 'node_modules'));
    const { stdout, stderr } = await prepare();
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Installing .*\nnpm ci .*\ntsc\n$/);
  });

  it('does not install into what node_modules links to, which npm ci would empty', async () => {
    const shared = join(root, 'shared');
    await compiler(shared);
    await symlink(shared, join(root, 'node_modules'));
    const { stderr } = await prepare();
    expect(stderr).toMatch(/^node_modules is a link: .*\ntsc\n$/);
    expect(await readdir(shared)).toEqual(['typescript']);
  });
});
