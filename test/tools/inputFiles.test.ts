/** Files of inputs by their address: over a guard that reaches the test's own server, and over one that does not. */
import { createServer, type Server } from 'node:http';
import { fileDownload } from '../../src/adapters/fileDownload';
import { readAllowedHosts } from '../../src/allowedHosts';
import { DocumentError, type DocumentParser } from '../../src/retrieval/ports';
import { inputFiles } from '../../src/tools/inputFiles';
import type { FileDownload } from '../../src/tools/ports';

const scope = { tenant: 'alpha', project: '-' };
const MINUTE = 60_000;
let server: Server;
let base = '';
let asked: string[] = [];
let answer = 'They sleep afloat.';
let clock = 0;
const downloads: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/moved') response.writeHead(302, { location: 'http://127.0.0.1/' }).end();
    else if (request.url === '/missing.txt') response.writeHead(404).end('no');
    else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
});
beforeEach(() => {
  asked = [];
  answer = 'They sleep afloat.';
});
afterAll(async () => {
  for (const download of downloads) await download.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Says what it was given. */
const parser: DocumentParser = {
  async parse({ filename, open }) {
    let text = '';
    for await (const piece of (await open()).setEncoding('utf8')) text += String(piece);
    if (text === 'broken') throw new DocumentError('invalid_file', 'The file is damaged.');
    return [{ text: `${filename}: ${text}` }];
  },
};
const noFiles = () => Promise.reject(new Error('No file is uploaded here.'));

function reader(options: Parameters<typeof fileDownload>[0] = {}) {
  const download: FileDownload & { close(): Promise<void> } = fileDownload({
    allowedHosts: readAllowedHosts('127.0.0.1', 'TEST'),
    ...options,
  });
  downloads.push(download);
  return inputFiles({ files: { get: noFiles, content: noFiles }, parser, download, now: () => clock });
}
const byUrl = (file_url: string) => ({ type: 'input_file', file_url }) as const;

it('fetches a file, names it by its address or by its type, and asks again after ten minutes only', async () => {
  const files = reader();
  const named = await files.read(scope, byUrl(`${base}/a/otters.md?x=1`), 'input');
  expect(named).toEqual({ filename: 'otters.md', text: 'otters.md: They sleep afloat.' });
  expect((await files.read(scope, byUrl(`${base}/page`), 'input')).filename).toBe('page.html');
  await files.read(scope, byUrl(`${base}/page`), 'input');
  expect(asked).toEqual(['/a/otters.md?x=1', '/page']);
  await files.read({ ...scope, tenant: 'beta' }, byUrl(`${base}/page`), 'input');
  clock += 11 * MINUTE;
  await files.read(scope, byUrl(`${base}/page`), 'input');
  expect(asked).toHaveLength(4);
});

it.each([
  ['/a%20b.md', 'a b.md'],
  ['/100%.md', '100%.md'],
])('names the file at %s as %s', async (path, filename) => {
  await expect(reader().read(scope, byUrl(base + path), 'input')).resolves.toMatchObject({ filename });
});

it.each([
  ['/moved', 'redirects'],
  ['/missing.txt', '404'],
])('refuses %s', async (path, reason) => {
  await expect(reader().read(scope, byUrl(base + path), 'input[0]')).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining(reason),
    details: { param: 'input[0]', code: 'invalid_value' },
  });
});

it('refuses what is too large, and what cannot be read as a document', async () => {
  answer = 'x'.repeat(5_000);
  await expect(reader({ maxBytes: 1_000 }).read(scope, byUrl(`${base}/a.txt`), 'input')).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining('larger than 1000 bytes'),
  });
  answer = 'broken';
  await expect(reader().read(scope, byUrl(`${base}/a.txt`), 'input')).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining('damaged'),
  });
});

it('reaches no address that is not public, not by a name either, and does not ask it', async () => {
  const private_ = { allowedHosts: [], resolve: () => Promise.resolve([{ address: '10.0.0.1', family: 4 }]) };
  for (const url of [`${base}/a.txt`, 'http://files.example/a.txt', 'http://169.254.169.254/latest'])
    await expect(reader(private_).read(scope, byUrl(url), 'input')).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('not of the open Internet'),
    });
  expect(asked).toEqual([]);
});

it('drops the texts that were not asked for the longest, so that they stay bounded', async () => {
  const files = reader();
  answer = 'x'.repeat(3_500_000);
  for (let number = 0; number < 6; number += 1) await files.read(scope, byUrl(`${base}/${number}.txt`), 'input');
  await files.read(scope, byUrl(`${base}/5.txt`), 'input');
  expect(asked).toHaveLength(6);
  await files.read(scope, byUrl(`${base}/0.txt`), 'input');
  expect(asked).toHaveLength(7);
});

it('drops short texts too, which would be without number otherwise', async () => {
  let parsed = 0;
  const counting: DocumentParser = { parse: () => Promise.resolve([{ text: String((parsed += 1)) }]) };
  const download = { get: () => Promise.reject(new Error('Nothing is fetched here.')) };
  const files = inputFiles({ files: { get: noFiles, content: noFiles }, parser: counting, download, now: () => clock });
  const read = async (number: number) =>
    files.read(scope, { type: 'input_file', file_data: Buffer.from(`${number}`).toString('base64') }, 'input');
  for (let number = 0; number <= 10_000; number += 1) await read(number);
  await read(10_000);
  expect(parsed).toBe(10_001);
  await read(0);
  expect(parsed).toBe(10_002);
});

it('says that data is wrong however many parameters its type has', async () => {
  const file_data = `data:${';a'.repeat(5_000_000)}`;
  await expect(reader().read(scope, { type: 'input_file', file_data }, 'input')).rejects.toMatchObject({ status: 400 });
});

it("ends with the caller's reason when he leaves", async () => {
  const left = AbortSignal.abort(new Error('left'));
  await expect(reader().read(scope, byUrl(`${base}/a.txt`), 'input', left)).rejects.toThrow('left');
});
