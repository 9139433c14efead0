/**
 * Runs before `npm start`, `npm test`, `npm run ask` and `npm run bench`: installs what package-lock.json names when that
 * is newer than the install, then compiles. Needs nothing installed, and runs on Node 20. What it says goes to standard error: the command's answer may go to a program.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const modified = (file) => (existsSync(join(root, file)) ? statSync(join(root, file)).mtimeMs : 0);

/** Runs a command in the project's folder and ends this process with its exit code when it fails. */
function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['inherit', process.stderr, process.stderr],
    shell: process.platform === 'win32',
  });
  if (error) console.error(`Cannot run ${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

if (modified('package-lock.json') > modified('node_modules/.package-lock.json')) {
  // npm ci would empty what a link leads to, which other work trees may share.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink())
    console.error('node_modules is a link: what is installed there is used as it is.');
  else {
    console.error('Installing dependencies …');
    // Without the warnings about the Node that calls npm: the scripts run in the one that is installed here.
    run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  }
}
run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root]);
