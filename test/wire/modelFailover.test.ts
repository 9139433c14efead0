/** What a fault of the first of two model services leads to: the second is asked, or the caller is told; with the number of calls to each. */
import { startHost, type Host } from '../support/host';
import { impatient } from '../support/modelHosts';
import {
  reply,
  startScriptedUpstream,
  type CallKind,
  type Reply,
  type ScriptedUpstream,
} from '../support/scriptedUpstream';

let first: ScriptedUpstream;
let second: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  [first, second] = [await startScriptedUpstream(), await startScriptedUpstream({ style: 'azure' })];
  const backends = [impatient('openai', first), impatient('azure', second, { priority: 1 })];
  host = await startHost({ env: { MODEL_BACKENDS: JSON.stringify(backends) } });
});
afterAll(async () => {
  await host.stop();
  await Promise.all([first.close(), second.close()]);
});
// A model of its own for each call: what one does to its circuit breaker is nothing to the next.
let models = 0;
const newModel = () => `model-${++models}`;
beforeEach(() => {
  first.reset();
  second.reset();
});

const calls = (kind: CallKind) => [first.calls[kind], second.calls[kind]];
const post = async (path: string, body: object | FormData) =>
  fetch(`${host.url}/v1/${path}`, {
    method: 'POST',
    headers: { 'api-key': host.key(), ...(!(body instanceof FormData) && { 'content-type': 'application/json' }) },
    body: body instanceof FormData ? body : JSON.stringify(body),
  });
const chat = async (more: object) =>
  post('chat/completions', { model: newModel(), messages: [{ role: 'user', content: 'Hello' }], ...more });
const noHttp = reply.wire('220 mail.example.org ESMTP\r\n');

describe('A chat', () => {
  const faults: [what: string, fault: Reply][] = [
    ['fails', reply.status(503)],
    ['is busy', reply.status(429, { headers: { 'retry-after': '30' } })],
    ['has no such deployment', reply.status(404)],
    ['refuses the key', reply.status(401)],
    ['drops the connection', reply.disconnect()],
    ['does not answer in time', reply.hang()],
    ['speaks no HTTP', noHttp],
    ['has a status that is none', reply.wire('HTTP/1.1 600 Odd\r\ncontent-length: 2\r\n\r\n{}')],
  ];
  it.each(faults)('is answered by the second where the first %s, streamed or not', async (_what, fault) => {
    first.on(() => fault);
    const [whole, streamed] = await Promise.all([chat({}), chat({ stream: true })]);
    expect(await whole.json()).toMatchObject({ choices: [{ message: { content: 'You said: Hello' } }] });
    expect(await streamed.text()).toContain('data: [DONE]');
    expect(calls('chat')).toEqual([2, 2]);
  });

  it('is not sent to the second where the first blames the request', async () => {
    first.on(() => reply.status(400));
    expect((await chat({})).status).toBe(400);
    expect(calls('chat')).toEqual([1, 0]);
  });

  it.each([
    ['broke off in a stream', reply.cutAfter(2), true],
    ['fell silent in a stream', reply.stallAfter(2), true],
    ['broke off in a body', reply.cutAfter(1), false],
    ['sent broken JSON', reply.json('{"choices":['), false],
  ])('is not sent to the second where the first has begun and %s', async (_what, fault, stream) => {
    first.on(() => fault);
    expect(await (await chat({ stream })).text()).toContain('"error"');
    expect(calls('chat')).toEqual([1, 0]);
  });
});

describe('Pictures and sounds, which may have been billed,', () => {
  const formOf = (file: string, fields: Record<string, string> = {}) => {
    const form = new FormData();
    for (const [name, value] of Object.entries({ model: newModel(), ...fields })) form.append(name, value);
    form.append(file, new Blob(['x']), 'x');
    return form;
  };
  const statuses = async () => {
    const answers = await Promise.all([
      post('images/generations', { model: newModel(), prompt: 'x' }),
      post('images/edits', formOf('image', { prompt: 'x' })),
      post('images/variations', formOf('image')),
      post('audio/transcriptions', formOf('file')),
      post('audio/translations', formOf('file')),
      post('audio/speech', { model: newModel(), input: 'x', voice: 'alloy' }),
    ]);
    return answers.map(({ status }) => status);
  };
  const six = (status: number) => [status, status, status, status, status, status];

  it.each([
    ['a failure', reply.status(500), 500],
    ['a conflict', reply.status(409), 409],
    ['a broken connection', reply.disconnect(), 502],
    ['silence', reply.hang(), 504],
    ['what is no HTTP', noHttp, 502],
  ])('are asked for once, and nowhere else, after %s', async (_what, fault, status) => {
    first.on(() => fault);
    expect(await statuses()).toEqual(six(status));
    expect(calls('other')).toEqual([6, 0]);
  });

  it('are asked for again after 429', async () => {
    first.on(() => reply.status(429));
    second.on(() => reply.json({ created: 1, data: [], text: 'x' }));
    expect(await statuses()).toEqual(six(200));
    expect(calls('other')).toEqual([6, 6]);
  });
});
