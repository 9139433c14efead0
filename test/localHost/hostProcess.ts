/** Runs the compiled local host over a fixture app in a process of its own: the library keeps hold of the first host of a process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const repository = resolve(__dirname, '..', '..');
export const fixtures = join(repository, 'test', 'localHost', 'fixtures');

/** A host that does not listen by then never will. */
const START_LIMIT_MS = 20_000;

/** Whatever becomes of a test, its hosts do not outlive it. */
const children = new Set<ChildProcess>();
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

export interface HostProcessOptions {
  env?: Record<string, string>;
  /** Starts `main.js` as `npm start` does, instead of the host alone. */
  main?: boolean;
  /** Kept by the caller when given; otherwise a new one that is removed with the process. */
  dataDir?: string;
  /** Behind the script. */
  args?: string[];
}

export class HostProcess {
  output = '';
  url = '';
  private readonly exited: Promise<number | null>;

  private constructor(
    private readonly child: ChildProcess,
    private readonly temporary: string | undefined,
  ) {
    const take = (text: Buffer) => (this.output += text.toString());
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    this.exited = once(child, 'close').then(([code]: (number | null)[]) => code ?? null);
  }

  /** Starts the host for a fixture and waits until it listens (`url` is set) or has ended (`url` is ''). */
  static async start(
    fixture: string,
    { env, main, dataDir, args = [] }: HostProcessOptions = {},
  ): Promise<HostProcess> {
    const temporary = dataDir ? undefined : await mkdtemp(join(tmpdir(), 'local-host-'));
    const script = main ? join(repository, 'dist/src/localHost/main.js') : join(fixtures, 'runHost.cjs');
    const child = spawn(process.execPath, ['--enable-source-maps', script, ...args], {
      cwd: join(fixtures, fixture),
      env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: dataDir ?? temporary, ...env },
    });
    children.add(child);
    child.once('close', () => children.delete(child));
    const host = new HostProcess(child, temporary);
    const limit = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
    const found = await Promise.race([host.until(/Listening on (\S+)/).catch(() => null), host.exited]);
    clearTimeout(limit);
    if (found && typeof found === 'object') host.url = found[1] ?? '';
    return host;
  }

  /** Waits until the output matches. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.output);
      if (found) return found;
      const more = this.child.stdout && once(this.child.stdout, 'data');
      const ended = await Promise.race([more, this.exited.then(() => 'ended')]);
      if (ended === 'ended' && !pattern.test(this.output))
        throw new Error(`The host ended before ${pattern}:\n${this.output}`);
    }
  }

  /** How often the output matches. */
  count(pattern: RegExp): number {
    return [...this.output.matchAll(new RegExp(pattern, 'g'))].length;
  }

  /** Sends the signal and waits for the end; the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    const code = await this.exited;
    if (this.temporary) await rm(this.temporary, { recursive: true, force: true });
    return code;
  }

  /** The exit code, once the process has ended by itself. */
  async exitCode(): Promise<number | null> {
    return this.exited;
  }
}
