/** How far the upload and the ingestion are: a bar on a terminal, a line now and then elsewhere. */
import { SingleBar } from 'cli-progress';
import type { WriteStream } from 'node:tty';

/** Between two lines where there is no terminal. */
const LINE_MS = 5_000;

export interface Progress {
  /** `failed` of the `done` files could not be taken. */
  update(done: number, failed: number): void;
  /** Leaves the last state on the screen. */
  end(): void;
}

/** Where progress is shown. */
export type ProgressStream = Pick<WriteStream, 'write'> & { isTTY?: boolean };

/** Begins to show the progress of `total` files under a label such as `Uploading`. `now` gives milliseconds. */
export function startProgress(
  label: string,
  total: number,
  stream: ProgressStream = process.stderr,
  now: () => number = Date.now,
): Progress {
  return stream.isTTY ? bar(label, total) : lines(label, total, stream, now);
}

function bar(label: string, total: number): Progress {
  const shown = new SingleBar({
    format: `${label.padEnd(9)} {bar} {value}/{total} files{failedText}  {duration_formatted}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 32,
    hideCursor: true,
    stream: process.stderr,
    fps: 10,
    gracefulExit: false,
  });
  shown.start(total, 0, { failedText: '' });
  return {
    update: (done, failed) => shown.update(done, { failedText: failedText(failed) }),
    end: () => shown.stop(),
  };
}

function lines(label: string, total: number, stream: ProgressStream, now: () => number): Progress {
  const started = now();
  let last = { done: 0, failed: 0, at: started };
  const show = (done: number, failed: number): void => {
    const seconds = ((now() - started) / 1000).toFixed(1);
    stream.write(`${label} ${done}/${total} files${failedText(failed)}, ${seconds} s\n`);
    last = { done, failed, at: now() };
  };
  return {
    update(done, failed) {
      if (done === last.done && failed === last.failed) return;
      if (done === total || now() - last.at >= LINE_MS) show(done, failed);
    },
    end: () => undefined,
  };
}

function failedText(failed: number): string {
  return failed > 0 ? ` (${failed} failed)` : '';
}
