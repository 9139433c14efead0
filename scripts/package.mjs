/**
 * `npm run package`: makes what Azure Functions runs on Linux, as the folder `out/app` and as `out/azure-openai-functions.zip`, and prints its size and how long a
 * fresh process takes to import it. `--out FOLDER` puts both elsewhere.
 */
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from './package/bundle.mjs';
import { importTime } from './package/importTime.mjs';
import { copyModules } from './package/modules.mjs';
import { filesBelow, zipFolder } from './package/zip.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'out') } } });
const out = resolve(values.out);
const app = join(out, 'app');
const zip = join(out, 'azure-openai-functions.zip');

await rm(app, { recursive: true, force: true });
await mkdir(app, { recursive: true });
const main = await bundle(root, app);
await copyModules(root, app);
await cp(join(root, 'host.json'), join(app, 'host.json'));
await cp(join(root, 'LICENSE'), join(app, 'LICENSE'));
const { name, version, license, engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const manifest = { name, version, license, private: true, type: 'module', main, engines };
await writeFile(join(app, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
await zipFolder(app, zip);

const files = await filesBelow(app);
let bytes = 0;
for (const file of files) bytes += (await stat(join(app, file))).size;
const megabytes = (count) => `${(count / 1e6).toFixed(1)} MB`;
const { milliseconds, loaded } = importTime(app, main);
console.log(`${zip}: ${megabytes((await stat(zip)).size)}, unpacked ${megabytes(bytes)} in ${files.length} files.`);
console.log(`Import in a fresh process: ${milliseconds.toFixed(0)} ms (median of 5), ${loaded} files loaded.`);
