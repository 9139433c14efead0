/** The host's console: one line per event, gathered and written in batches so that a busy server does not pay a write per request. */
import type { CoreLogEntry } from './functionsCore';

const FLUSH_MS = 20;
/** Lines that wait for a console that does not take them. */
const MAX_PENDING_LINES = 10_000;

export class HostLog {
  private pending: string[] = [];
  private dropped = 0;
  private timer: NodeJS.Timeout | undefined;
  private second = 0;
  private clock = '';

  /** `quiet` turns the line per request off; everything else still shows. `write` takes text that ends with a newline. */
  constructor(
    readonly quiet: boolean,
    private readonly mask: (text: string) => string,
    private readonly write: (text: string) => void = (text) => process.stdout.write(text),
  ) {}

  /** One line as it is, without a time; may show a secret that the caller means to show. */
  plain(text: string): void {
    this.add(text);
  }

  info(message: string): void {
    this.add(`${this.time()} ${this.shown(message)}`);
  }

  warn(message: string): void {
    this.add(`${this.time()} WARNING ${this.shown(message)}`);
  }

  error(message: string): void {
    this.add(`${this.time()} ERROR ${this.shown(message)}`);
  }

  /** What an app or its library logs: the app's lines from information upwards, the library's from warning upwards. */
  core({ level, category, message, functionName }: CoreLogEntry): void {
    const text = functionName ? `[${functionName}] ${message}` : message;
    if (level === 'error' || level === 'critical') this.error(text);
    else if (level === 'warning') this.warn(text);
    else if (level === 'information' && category === 'user') this.info(text);
  }

  /** `path` without its query, `bytes` of the answer's body. */
  request(method: string, path: string, status: number | 'aborted', milliseconds: number, bytes: number): void {
    if (this.quiet) return;
    this.add(`${this.time()} ${method} ${path} ${status} ${milliseconds.toFixed(1)} ms ${bytes} B`);
  }

  /** Writes what waits. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.dropped > 0) this.pending.push(`(${this.dropped} log lines dropped)`);
    const lines = this.pending;
    this.pending = [];
    this.dropped = 0;
    if (lines.length > 0) this.write(`${lines.join('\n')}\n`);
  }

  /** Words of callers and services may be in it: their lines must not look like the host's own, nor steer the terminal. */
  private shown(message: string): string {
    return this.mask(message)
      .replace(/[^\P{Cc}\n\t]/gu, '\ufffd')
      .replace(/\n(?! {4})/g, '\n    ');
  }

  private add(line: string): void {
    if (this.pending.length >= MAX_PENDING_LINES) this.dropped += 1;
    else this.pending.push(line);
    this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  private time(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.clock = new Date(second * 1000).toTimeString().slice(0, 8);
    }
    return this.clock;
  }
}
