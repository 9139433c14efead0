/** The package's own code with most libraries, by esbuild: few files, and what is loaded late in the sources is loaded late here too. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { build } from 'esbuild';
import { hiddenImports, namedExports } from './lateImports.mjs';
import { kept } from './modules.mjs';

/** Folder of the code below the app, and the entry that `main` of its package.json names. */
const CODE = 'dist';
const ENTRY = 'index';

/** What is started as a thread has a file of its own, where the sources look for it from their own. */
const entries = {
  [ENTRY]: 'src/functions/index.ts',
  sqliteWorker: 'src/adapters/sqliteWorker.ts',
  localEmbeddingsWorker: 'src/adapters/localEmbeddingsWorker.ts',
  'documents/worker': 'src/adapters/documents/worker.ts',
};

/** The sandbox's process has a folder of its own, since it may read that whole folder and nothing else. */
const SANDBOX = 'pyodide';
const sandbox = { child: 'src/adapters/pyodide/child.ts', watchdog: 'src/adapters/pyodide/watchdog.ts' };

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Names stay, so that stacks in the log can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  external: [
    // Of the Functions worker.
    '@azure/functions-core',
    // Whole packages, with the files beside their code.
    ...kept.map(({ name }) => name),
    // The native libraries of all systems, of which the package has one.
    '@lancedb/lancedb-*',
    '*.node',
    // LanceDB can make embeddings by it; ours come from elsewhere.
    'openai',
  ],
};

/** What CommonJS code may use; modules of JavaScript itself lack it. */
const commonJs = [
  "import{createRequire as nodeCreateRequire}from'node:module';",
  "import{fileURLToPath as nodeFileURLToPath}from'node:url';",
  "import{dirname as nodeDirname}from'node:path';",
  'const require=nodeCreateRequire(import.meta.url),__filename=nodeFileURLToPath(import.meta.url),__dirname=nodeDirname(__filename);',
].join('');

/**
 * Writes the code into the app's folder; the path of the entry in it. Throws when something of the local host, of the tests or a development dependency would
 * come along.
 */
export async function bundle(root, app) {
  // One format allows code to be split, which loads late what the sources load late.
  const functions = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: entries,
    outdir: join(app, CODE),
    // One copy: LanceDB requires it, which is another file than the one that is imported.
    alias: { 'apache-arrow': createRequire(import.meta.url).resolve('apache-arrow') },
    format: 'esm',
    splitting: true,
    plugins: [hiddenImports, namedExports],
    chunkNames: '[name]-[hash]',
    banner: { js: commonJs },
  });
  const process = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: sandbox,
    outdir: join(app, SANDBOX),
    format: 'cjs',
  });
  await mkdir(join(app, SANDBOX), { recursive: true });
  await writeFile(join(app, SANDBOX, 'package.json'), '{ "type": "commonjs" }\n');
  await checkInputs(root, [...Object.keys(functions.metafile.inputs), ...Object.keys(process.metafile.inputs)]);
  return `${CODE}/${ENTRY}.js`;
}

async function checkInputs(root, inputs) {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  for (const input of inputs) {
    const path = (
      input.includes('node_modules/') ? input.slice(input.indexOf('node_modules/')) : relative(root, join(root, input))
    )
      .split(sep)
      .join('/');
    if (/^(src\/localHost|test|dist)\//.test(path)) throw new Error(`${path} does not belong into the package.`);
    const [, library] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
    if (library && lock.packages[library]?.dev) throw new Error(`${library} is a development dependency.`);
  }
}
