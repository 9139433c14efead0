/** `npm run keys` and `npm run tenant` as processes of their own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { storageSettings } from './storage';

const ROOT = join(__dirname, '..', '..').replace(/[\\/]dist$/, '');

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `npm run keys` on the state of a host with that folder. */
export const keysCommand = async (
  dataDir: string,
  args: string[],
  env?: Record<string, string>,
): Promise<CommandResult> => command('keys.js', dataDir, args, env);

/** Runs `npm run tenant` on the state of a host with that folder; `input` is what is typed. */
export const tenantCommand = async (dataDir: string, args: string[], input?: string): Promise<CommandResult> =>
  command('tenant.js', dataDir, args, {}, input);

async function command(
  script: string,
  dataDir: string,
  args: string[],
  env: Record<string, string> = {},
  input?: string,
): Promise<CommandResult> {
  const path = join(ROOT, 'dist', 'src', 'localHost', script);
  return new Promise((resolve) => {
    const environment = { PATH: process.env.PATH, DATA_DIR: dataDir, ...storageSettings(dataDir), ...env };
    const child = execFile(process.execPath, [path, ...args], { cwd: ROOT, env: environment }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
    child.stdin?.end(input);
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
