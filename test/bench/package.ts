/** `npm run bench -- package`: the start of what `npm run package` makes, beside that of the compiled sources. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { openHost } from './hostUnderTest';
import { ROOT } from './processes';
import { percentile } from './runLoad';

const STARTS = 9;
const run = promisify(execFile);
const imported = z.object({ milliseconds: z.number(), loaded: z.number() });

interface Start {
  import: number;
  files: number;
  /** From spawning the host to the first answer from its records, and then the first that a model gave. */
  answer: number;
  response: number;
}

async function startOf(app: string, main: string): Promise<Start> {
  const script = join(ROOT, 'scripts', 'package', 'importTime.mjs');
  const { milliseconds, loaded } = imported.parse(
    JSON.parse((await run(process.execPath, [script, app, main])).stdout),
  );
  const answers: number[] = [];
  const responses: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    const host = await openHost(0, { app });
    const asked = performance.now();
    await host.call('POST', '/responses', { model: 'chat', input: 'Hello' });
    responses.push(host.firstAnswer + performance.now() - asked);
    answers.push(host.firstAnswer);
    await host.stop();
  }
  return {
    import: milliseconds,
    files: loaded,
    answer: percentile(answers, 0.5),
    response: percentile(responses, 0.5),
  };
}

/** Makes the package, starts both, and gives a table. */
export async function benchPackage(): Promise<string> {
  const out = await mkdtemp(join(tmpdir(), 'bench-package-'));
  try {
    const { stdout } = await run(process.execPath, [join(ROOT, 'scripts', 'package.mjs'), '--out', out]);
    const [, size = ''] = /\.zip: (.*)\n/.exec(stdout) ?? [];
    const unbundled = await startOf(ROOT, 'dist/src/functions/index.js');
    const bundled = await startOf(join(out, 'app'), 'dist/index.js');
    const row = (what: string, of: (start: Start) => string): string =>
      `| ${what} | ${of(unbundled)} | ${of(bundled)} |`;
    return [
      `The zip: ${size}`,
      '',
      '| what | compiled sources | package |',
      '|---|---|---|',
      row('Files loaded at import', ({ files }) => String(files)),
      row('Import in a fresh process, median of 5', (start) => `${start.import.toFixed(0)} ms`),
      row(
        `First answer after the host's start (a list of records), median of ${STARTS}`,
        ({ answer }) => `${answer.toFixed(0)} ms`,
      ),
      row(
        `First response of a model after the host's start, median of ${STARTS}`,
        ({ response }) => `${response.toFixed(0)} ms`,
      ),
    ].join('\n');
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
