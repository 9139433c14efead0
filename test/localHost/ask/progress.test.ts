import { startProgress } from '../../../src/localHost/ask/progress';

describe('progress where there is no terminal', () => {
  it('writes a line every five seconds, and one at the end', () => {
    let written = '';
    let now = 0;
    const stream = { write: (text: string) => ((written += text), true), isTTY: false };
    const progress = startProgress('Ingesting', 10, stream, () => now);
    for (const [at, done, failed] of [
      [1000, 1, 0],
      [4000, 3, 0],
      [5000, 3, 0],
      [5500, 4, 1],
      [9000, 8, 1],
      [9100, 10, 2],
    ] as const) {
      now = at;
      progress.update(done, failed);
    }
    progress.update(10, 2);
    progress.end();
    expect(written).toBe('Ingesting 3/10 files, 5.0 s\nIngesting 10/10 files (2 failed), 9.1 s\n');
  });
});
