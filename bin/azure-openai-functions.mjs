#!/usr/bin/env node
// `npx azure-openai-functions`: what `npm start` does, with the settings and the state of the folder where it is called.
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';

if (isBuiltin('node:sqlite')) {
  const { start } = await import('../dist/src/localHost/start.js');
  start(fileURLToPath(new URL('..', import.meta.url)));
} else {
  console.error(
    `The state is kept by node:sqlite, which Node ${process.versions.node} lacks: use Node 22.13 or later.`,
  );
  process.exitCode = 1;
}
