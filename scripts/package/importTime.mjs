/**
 * How long a fresh process takes to import an app, as a cold start does. Also a program: `node scripts/package/importTime.mjs FOLDER MAIN` prints it as JSON.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Imports a file, and says how long that took and how many files were loaded. */
const probe = `
import { registerHooks } from 'node:module';
const [file] = process.argv.slice(1);
const loaded = new Set();
registerHooks?.({ load(url, context, next) { if (url.startsWith('file:')) loaded.add(url); return next(url, context); } });
for (const level of ['debug', 'info', 'log', 'warn', 'error']) console[level] = () => undefined;
const started = performance.now();
await import(file);
const took = JSON.stringify({ milliseconds: performance.now() - started, loaded: loaded.size });
// What the app keeps open, it keeps for a host; this process has none that would end it.
process.stdout.write(took, () => process.exit());
`;

/** The median of five processes, in milliseconds; the first of all, which reads from the disk, is left out. */
export function importTime(app, main) {
  const url = pathToFileURL(join(app, main)).href;
  const runs = Array.from({ length: 6 }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', probe, url], {
      cwd: app,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`The package cannot be imported:\n${stderr}`);
    return JSON.parse(stdout);
  });
  return runs.slice(1).sort((a, b) => a.milliseconds - b.milliseconds)[2];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [app, main] = process.argv.slice(2);
  console.log(JSON.stringify(importTime(app, main)));
}
