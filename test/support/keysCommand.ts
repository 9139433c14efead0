/** `npm run keys` as a process of its own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { storageSettings } from './storage';

const ROOT = join(__dirname, '..', '..').replace(/[\\/]dist$/, '');
const SCRIPT = join(ROOT, 'dist', 'src', 'localHost', 'keys.js');

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the command on the state of a host with that folder. */
export async function keysCommand(
  dataDir: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const environment = { PATH: process.env.PATH, DATA_DIR: dataDir, ...storageSettings(dataDir), ...env };
    const child = execFile(process.execPath, [SCRIPT, ...args], { cwd: ROOT, env: environment }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

/** Makes a key; its text and its id. */
export async function createKey(
  dataDir: string,
  args: string[],
  env?: Record<string, string>,
): Promise<{ key: string; id: string }> {
  const { code, stdout, stderr } = await keysCommand(dataDir, ['create', ...args], env);
  const id = /^(key_\w+):/m.exec(stderr)?.[1];
  if (code !== 0 || !id) throw new Error(`No key was made: ${stderr}`);
  return { key: stdout.trim(), id };
}
