/** A local host for one question: a process of its own that ends with this one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds after which a host that does not stop is killed; it gives its own work up to twenty seconds. */
const STOP_MS = 25_000;
/** Lines of the host's console that are kept to tell why it ended. */
const LAST_LINES = 20;

/** The host did not start. The message holds its own words. */
export class HostFailure extends Error {
  override readonly name = 'HostFailure';
}

export interface StartedHost {
  url: string;
  /** The last lines of its console if it has ended by itself, or undefined. */
  endedWith(): string | undefined;
  stop(): Promise<void>;
}

/**
 * Starts the host of the project at `root` on a free port of 127.0.0.1, with the settings of `env`; resolves when it listens. Throws
 * {@link HostFailure} if it ends before, and the signal's reason when that fires.
 */
export async function startHost(root: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<StartedHost> {
  const preload = join(__dirname, 'stopWithParent.js');
  const child = spawn(process.execPath, ['--require', preload, join(__dirname, '..', 'main.js')], {
    cwd: root,
    env: { ...env, PORT: '0', HOST: '127.0.0.1', LOCAL_HOST_QUIET: '1', TLS_CERT_FILE: '', TLS_KEY_FILE: '' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Ctrl-C must not reach it: what was made there is removed first.
    detached: true,
    windowsHide: true,
  });
  const said: string[] = [];
  const stop = () => stopChild(child);
  try {
    const url = await listening(child, said, signal);
    return { url, stop, endedWith: () => (hasEnded(child) ? said.join('\n') : undefined) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** `said` keeps the last lines of its console. */
async function listening(child: ChildProcess, said: string[], signal: AbortSignal | undefined): Promise<string> {
  const complaints: string[] = [];
  return new Promise((resolve, reject) => {
    readLines(child.stdout, [said], (line) => {
      const address = /^Listening on (\S+)$/.exec(line)?.[1];
      if (address) resolve(address);
    });
    readLines(child.stderr, [said, complaints]);
    child.once('error', (cause) => reject(new HostFailure(`The host cannot start: ${cause.message}`, { cause })));
    child.once('close', () => reject(new HostFailure(whyNotStarted(complaints.length > 0 ? complaints : said))));
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    if (signal?.aborted) reject(signal.reason);
  });
}

function readLines(stream: Readable | null, lists: string[][], onLine?: (line: string) => void): void {
  if (!stream) return;
  createInterface(stream).on('line', (line) => {
    for (const lines of lists) {
      lines.push(line);
      if (lines.length > LAST_LINES) lines.shift();
    }
    onLine?.(line);
  });
}

function whyNotStarted(lines: string[]): string {
  const text = lines.join('\n');
  const hint = /another host has it open/.test(text)
    ? '\nThat host serves this DATA_DIR: give its address with --host-url.'
    : '';
  return `The host did not start: ${text}${hint}`;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const exited = once(child, 'exit');
  // It stops gracefully on this on every platform; see stopWithParent.
  if (child.connected) child.disconnect();
  const limit = new AbortController();
  const late = delay(STOP_MS, undefined, { signal: limit.signal }).then(
    () => child.kill('SIGKILL'),
    () => undefined,
  );
  await exited;
  limit.abort();
  await late;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
