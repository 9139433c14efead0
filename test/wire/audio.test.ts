/** Transcriptions, translations and speech with the official SDKs in both styles, and uploads of any size. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { toFile } from 'openai';
import type { Host } from '../support/host';
import { callersAndServices, startMediaHosts, UPSTREAM_KEY, type Hosts } from '../support/modelHosts';
import { bodyOf, formField, SPEECH, type ScriptedMedia } from '../support/scriptedMedia';

let media: ScriptedMedia;
let hosts: Hosts;
let stop: () => Promise<void>;
beforeAll(async () => {
  const deployments = { ears: 'whisper-1', '*': '*' };
  ({ media, hosts, stop } = await startMediaHosts(({ url }) => {
    const backend = { name: 'one', kind: 'openai', base_url: url, api_key: UPSTREAM_KEY, deployments };
    return { openai: { MODEL_BACKENDS: JSON.stringify([backend]) } };
  }));
});
afterAll(async () => stop());
beforeEach(() => media.reset());

const wav = async () => toFile(Buffer.from('RIFF..audio.data.omitted'), 'speech.wav', { type: 'audio/wav' });

describe.each(callersAndServices)('The %s SDK before a service of style %s', (caller, service) => {
  const audio = () => hosts[service][caller]().audio;

  it('transcribes, as JSON and as text', async () => {
    expect(await audio().transcriptions.create({ model: 'ears', file: await wav(), language: 'en' })).toMatchObject({
      text: 'Plain words.',
    });
    expect(await audio().transcriptions.create({ model: 'ears', file: await wav(), response_format: 'srt' })).toBe(
      'Plain words.',
    );
    const [request] = media.requests;
    expect(request?.operation).toBe('audio/transcriptions');
    expect(request?.deployment).toBe(service === 'azure' ? 'ears' : undefined);
    expect(request && formField(request, 'language')).toBe('en');
    expect(request?.body.toString()).toContain('RIFF..audio.data.omitted');
    if (service === 'openai')
      expect(media.requests.map((sent) => formField(sent, 'model'))).toEqual(['whisper-1', 'whisper-1']);
    // A form that goes as it came is as long as it was; one whose model is replaced goes in chunks.
    const length = service === 'azure' ? String(request?.length) : undefined;
    expect(request?.headers['content-length']).toBe(length);
  });

  it('translates', async () => {
    expect(await audio().translations.create({ model: 'ears', file: await wav() })).toMatchObject({
      text: 'Plain words.',
    });
  });

  it('speaks, byte for byte', async () => {
    const spoken = await audio().speech.create({
      model: 'voice',
      input: 'Hi!',
      voice: 'fable',
      response_format: 'mp3',
    });
    expect(Buffer.from(await spoken.arrayBuffer()).equals(SPEECH)).toBe(true);
    expect(spoken.headers.get('content-type')).toBe('audio/mpeg');
  });

  it('transcribes and speaks in events', async () => {
    const events = ['transcript.text.delta', 'transcript.text.done'];
    const asEvents = (types: string[]) => types.map((type) => `data: ${JSON.stringify({ type })}\n\n`);
    media.on(({ operation }) => ({
      headers: { 'content-type': 'text/event-stream' },
      body: asEvents(operation === 'audio/speech' ? ['speech.audio.delta', 'speech.audio.done'] : events),
    }));
    const types: string[] = [];
    const transcript = await audio().transcriptions.create({ model: 'ears', file: await wav(), stream: true });
    for await (const { type } of transcript) types.push(type);
    expect(types).toEqual(events);
    const asked = { model: 'voice', input: 'Hi!', voice: 'fable', stream_format: 'sse' } as const;
    const spoken = await audio().speech.create(asked);
    expect(await spoken.text()).toBe(asEvents(['speech.audio.delta', 'speech.audio.done']).join(''));
  });
});

const post = async (
  host: Host,
  path: string,
  body: string | FormData | ReadableStream,
  headers: Record<string, string> = {},
) =>
  fetch(`${host.url}${path}`, {
    method: 'POST',
    headers: { 'api-key': host.key(), ...headers },
    body,
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  });
const DEPLOYMENT = '/openai/deployments/ears/audio/transcriptions?api-version=2025-04-01-preview';

async function eventually(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !holds(); tries++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(holds()).toBe(true);
}

function form(fields: [string, string | Blob][]): FormData {
  const data = new FormData();
  for (const [name, value] of fields) data.append(name, value);
  return data;
}

it('speech may also be asked for by a form', async () => {
  const answer = await post(
    hosts.azure,
    '/openai/deployments/voice/audio/speech?api-version=2025-04-01-preview',
    form([
      ['input', 'Hi!'],
      ['voice', 'fable'],
      ['speed', '1.5'],
    ]),
  );
  expect(answer.status).toBe(200);
  expect(media.requests.map(bodyOf)).toEqual([{ input: 'Hi!', voice: 'fable', speed: 1.5 }]);
  expect(media.requests[0]?.headers['content-type']).toBe('application/json');
});

it.each([
  ['without a file', '/v1/audio/transcriptions', form([['model', 'ears']]), 'file'],
  ['without a model where the path has none', '/v1/audio/translations', form([['file', new Blob(['x'])]]), 'model'],
])('a form %s is refused with 400 before any upstream call', async (_what, path, body, param) => {
  const answer = await post(hosts.openai, path, body);
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param } }]);
  expect(media.requests).toEqual([]);
});

it.each([
  ['no input', { voice: 'fable' }, 'input'],
  ['too long an input', { voice: 'fable', input: 'x'.repeat(4097) }, 'input'],
  ['no voice', { input: 'x' }, 'voice'],
  ['too fast a speech', { input: 'x', voice: 'fable', speed: 9 }, 'speed'],
  ['no model', { input: 'x', voice: 'fable', model: undefined }, 'model'],
])('speech with %s is refused with 400 before any upstream call', async (_what, body, param) => {
  const answer = await post(hosts.openai, '/v1/audio/speech', JSON.stringify({ model: 'voice', ...body }), {
    'content-type': 'application/json',
  });
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param } }]);
  expect(media.requests).toEqual([]);
});

it.each([
  ['is cut', '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc', 400],
  ['has no boundary in its type', '--b--', 400],
  ['is JSON', '{}', 415],
])('a form that %s is refused', async (what, body, status) => {
  const types = { 'is JSON': 'application/json', 'has no boundary in its type': 'multipart/form-data' } as Record<
    string,
    string
  >;
  const answer = await post(hosts.azure, DEPLOYMENT, body, {
    'content-type': types[what] ?? 'multipart/form-data; boundary=b',
  });
  expect(answer.status).toBe(status);
  expect(media.requests).toEqual([]);
});

it('a call that may have been billed is not repeated, unless the service said 429 (calls: 1, then 2)', async () => {
  media.on(() => ({ status: 500, body: '{"error":{"message":"broken"}}' }));
  expect((await post(hosts.azure, DEPLOYMENT, form([['file', new Blob(['x'])]]))).status).toBe(500);
  expect(media.requests).toHaveLength(1);
  media.requests.length = 0;
  media.on(() =>
    media.requests.length === 1 ? { status: 429, headers: { 'retry-after-ms': '1' }, body: '{}' } : undefined,
  );
  expect((await post(hosts.azure, DEPLOYMENT, form([['file', new Blob(['x'])]]))).status).toBe(200);
  expect(media.requests).toHaveLength(2);
});

/** A form of that many bytes of file, made as it is read, with its model before or behind the file. */
function largeForm(bytes: number, model: 'before' | 'behind' | 'nowhere') {
  const hash = createHash('sha256');
  const field = Buffer.from('--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nears\r\n');
  const pieces = function* () {
    if (model === 'before') yield field;
    yield Buffer.from(
      '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n',
    );
    const piece = Buffer.alloc(1024 * 1024, 'audio\r\n--xy');
    for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
    yield Buffer.from('\r\n');
    if (model === 'behind') yield field;
    yield Buffer.from('--xyz--\r\n');
  };
  const hashed = function* () {
    for (const piece of pieces()) {
      hash.update(piece);
      yield piece;
    }
  };
  return { body: Readable.toWeb(Readable.from(hashed())) as ReadableStream, sha256: () => hash.digest('hex') };
}
const TYPE = { 'content-type': 'multipart/form-data; boundary=xyz' };
const MEGABYTE = 1024 * 1024;

const residentMegabytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

async function peakWhile<T>(pid: number, work: Promise<T>): Promise<[result: T, grown: number]> {
  const before = residentMegabytes(pid);
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, residentMegabytes(pid))), 20);
  return [await work.finally(() => clearInterval(timer)), peak - before];
}

const onLinux = process.platform === 'linux' ? it : it.skip;
const uploads: [what: string, path: string, model: 'before' | 'behind' | 'nowhere'][] = [
  ['a deployment path', DEPLOYMENT, 'nowhere'],
  ['its model before the file', '/v1/audio/transcriptions', 'before'],
  ['its model behind the file', '/v1/audio/transcriptions', 'behind'],
];
onLinux.each(uploads)('400 MB with %s go through in constant memory, byte for byte', async (_what, path, model) => {
  const { body, sha256 } = largeForm(400 * MEGABYTE, model);
  const [answer, grown] = await peakWhile(hosts.azure.pid, post(hosts.azure, path, body, TYPE));
  expect(answer.status).toBe(200);
  expect(media.requests[0]?.sha256).toBe(sha256());
  expect(grown).toBeLessThan(250);
  expect((await readdir(tmpdir())).filter((name) => name.startsWith('upload-'))).toEqual([]);
});

it.each(['before', 'behind', 'nowhere'] as const)(
  'a large form is given the name of the model that its service knows (its own: %s)',
  async (model) => {
    const { body } = largeForm(3 * MEGABYTE, model);
    const answer = await post(hosts.openai, model === 'nowhere' ? DEPLOYMENT : '/v1/audio/transcriptions', body, TYPE);
    expect(answer.status).toBe(200);
    const [request] = media.requests;
    expect(request && formField(request, 'model')).toBe('whisper-1');
    const { body: same } = largeForm(3 * MEGABYTE, 'nowhere');
    const bare = (await new Response(same).arrayBuffer()).byteLength;
    expect(request?.length).toBe(
      bare + '--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'.length,
    );
  },
);

it('a caller that leaves in the middle of its upload ends the upstream call', async () => {
  const abort = new AbortController();
  const slow = Readable.toWeb(
    Readable.from(
      (async function* () {
        yield Buffer.from('--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n');
        while (!abort.signal.aborted) {
          yield Buffer.alloc(MEGABYTE);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })(),
    ),
  ) as ReadableStream;
  const sent = fetch(`${hosts.azure.url}${DEPLOYMENT}`, {
    method: 'POST', headers: { 'api-key': hosts.azure.key(), ...TYPE }, body: slow, duplex: 'half', signal: abort.signal,
  }); // prettier-ignore
  setTimeout(() => abort.abort(), 300);
  await expect(sent).rejects.toThrow();
  await eventually(() => media.abandoned === 1);
  expect((await post(hosts.azure, DEPLOYMENT, form([['file', new Blob(['x'])]]))).status).toBe(200);
});
