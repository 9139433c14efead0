/** What the model families make of odd requests and answers. */
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  // As many bodies as are sent below do not fit into it together with what is parsed of them.
  const NODE_OPTIONS = '--max-old-space-size=256';
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'upstream-key', NODE_OPTIONS } });
});
afterAll(async () => {
  await host.stop();
  await upstream.close();
});
beforeEach(() => upstream.reset());

const post = async (path: string, body: string | FormData, more: RequestInit = {}) =>
  fetch(`${host.url}/v1/${path}`, {
    method: 'POST',
    headers: { 'api-key': host.key(), ...(typeof body === 'string' && { 'content-type': 'application/json' }) },
    body,
    ...more,
  });
const hello = { messages: [{ role: 'user', content: 'Hello' }] };

it.each(['abc', '', '1e999'])("the speed '%s' of a form is refused as the text that it is", async (speed) => {
  const form = new FormData();
  for (const [name, value] of Object.entries({ model: 'm', input: 'Hello', voice: 'alloy', speed }))
    form.set(name, value);
  const answer = await post('audio/speech', form);
  const message = "Invalid type for 'speed': expected a number, but got a string instead.";
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param: 'speed', message } }]);
  expect(upstream.calls.other).toBe(0);
});

it.each([null, ''])('the model %j of a body counts for nothing where the path names the deployment', async (model) => {
  const bodies = {
    'chat/completions': hello,
    completions: { prompt: 'x' },
    embeddings: { input: 'x' },
    'audio/speech': { input: 'x', voice: 'alloy' },
  };
  upstream.on(() => reply.json({ object: 'list', data: [] }));
  for (const [operation, body] of Object.entries(bodies)) {
    const path = `../openai/deployments/mine/${operation}?api-version=2024-10-21`;
    expect([operation, (await post(path, JSON.stringify({ ...body, model }))).status]).toEqual([operation, 200]);
    expect(upstream.requests.at(-1)?.body.model).toBe('mine');
    // OpenAI has a default for pictures alone.
    const missing = operation === 'images/generations' && model === null ? 200 : 400;
    expect((await post(operation, JSON.stringify({ ...body, model }))).status).toBe(missing);
  }
});

it.each([
  [{}, 'dall-e-2'],
  [{ model: null }, 'dall-e-2'],
  [{ background: 'transparent' }, 'gpt-image-1.5'],
  [{ stream: true }, 'gpt-image-1.5'],
])(
  'pictures that are asked for with %j and no model are of the model %s, as the published description says',
  async (body, model) => {
    upstream.on(() => reply.json({ created: 1, data: [] }));
    expect((await post('images/generations', JSON.stringify({ prompt: 'x', ...body }))).status).toBe(200);
    expect(upstream.requests.at(-1)?.body.model).toBe(model);
  },
);

const imageForm = (bytes: number, model?: string): FormData => {
  const form = new FormData();
  form.set('image', new Blob([Buffer.alloc(bytes, 'A')], { type: 'image/png' }), 'a.png');
  form.set('prompt', 'x');
  if (model !== undefined) form.set('model', model);
  return form;
};
const modelIn = (form: string) => /name="model"\r\n\r\n([^\r]*)/.exec(form)?.[1];

it.each([
  ['images/edits', 'gpt-image-1.5'],
  ['images/variations', 'dall-e-2'],
])(
  'the form of %s without a model is of the model %s, and one that names it behind a large file of that',
  async (path, model) => {
    upstream.on(() => reply.json({ created: 1, data: [] }));
    for (const [bytes, named] of [[10], [2_000_000], [10, 'mine'], [2_000_000, 'mine']] as const) {
      expect((await post(path, imageForm(bytes, named))).status).toBe(200);
      expect(modelIn(upstream.requests.at(-1)?.raw ?? '')).toBe(named ?? model);
    }
  },
);

it('a prompt may be null, which begins a document, but not be left out', async () => {
  upstream.on(() => reply.json({ object: 'text_completion', choices: [] }));
  expect((await post('completions', JSON.stringify({ model: 'm', prompt: null }))).status).toBe(200);
  expect((await post('completions', JSON.stringify({ model: 'm' }))).status).toBe(400);
});

it('a list of models that has no end is given up, and the answer goes without it', async () => {
  let taken = 0;
  function* endless() {
    yield '{"data":[';
    for (;;) {
      taken += 1;
      yield `{"id":"${'x'.repeat(60_000)}"},`;
    }
  }
  upstream.on(() => reply.raw(endless(), { headers: { 'content-type': 'application/json' } }));
  const answer = await fetch(`${host.url}/v1/models`, { headers: { 'api-key': host.key() } });
  const { data } = (await answer.json()) as { data: { id: string }[] };
  expect(data.map(({ id }) => id)).toContain('local-extractive');
  await eventually(
    'the log says so',
    async () => host.output().includes('an answer of more than 4194304 bytes') || undefined,
  );
  await upstream.until(() => upstream.abandoned === 1);
  expect(taken).toBeLessThan(1_000);
});

it('a key in an answer that has no end is a 502, and the answer is not read on', async () => {
  let taken = 0;
  function* endless() {
    yield '{"client_secret":{"value":"ek","expires_at":1},"note":"';
    for (;;) {
      taken += 1;
      yield 'x'.repeat(60_000);
    }
  }
  upstream.on(() => reply.raw(endless(), { headers: { 'content-type': 'application/json' } }));
  const answer = await post('realtime/sessions', '{}');
  expect([answer.status, await answer.json()]).toMatchObject([502, { error: { code: 'upstream_error' } }]);
  await upstream.until(() => upstream.abandoned === 1);
  expect(taken).toBeLessThan(1_000);
});

it('a list of models does not wait for a service that does not tell its own', async () => {
  upstream.on(() => reply.hang());
  const began = performance.now();
  const answer = await fetch(`${host.url}/v1/models`, { headers: { 'api-key': host.key() } });
  expect(await answer.json()).toMatchObject({ object: 'list', data: [{ id: 'local-extractive' }, {}] });
  expect(performance.now() - began).toBeLessThan(15_000);
  await upstream.until(() => upstream.abandoned === 1);
});

it('a page of HTML in place of an answer is a 502, and no header tells whose account serves', async () => {
  upstream.on(() => reply.raw('<html>', { headers: { 'content-type': 'text/html' } }));
  const page = await post('embeddings', JSON.stringify({ model: 'page', input: 'x' }));
  expect([page.status, await page.json()]).toMatchObject([502, { error: { code: 'upstream_error' } }]);
  const headers = { 'content-type': 'application/json', 'openai-organization': 'org-1', 'openai-project': 'p' };
  upstream.on(() => reply.raw('{}', { headers }));
  const answer = await post('chat/completions', JSON.stringify({ model: 'm', ...hello }));
  expect([answer.status, answer.headers.get('openai-organization'), answer.headers.get('openai-project')]).toEqual([
    200,
    null,
    null,
  ]);
});

it('neither the bytes nor the values of a body are kept while a service begins its answer and goes on with it', async () => {
  // Some 60 MB each when parsed.
  const values = `[${'{"a":[]},'.repeat(200_000)}0]`;
  const calls = 12;
  upstream.on(() => reply.stallAfter(1));
  const leave = new AbortController();
  const body = JSON.stringify({ model: 'm', stream: true, ...hello }).replace(/}$/, `,"more":${values}}`);
  for (let call = 0; call < calls; call++) {
    const answer = await post('chat/completions', body, { signal: leave.signal });
    expect(answer.status).toBe(200);
  }
  upstream.on(() => reply.hang());
  const waiting = Array.from({ length: calls }, async () => post('chat/completions', body, { signal: leave.signal }));
  const left = Promise.allSettled(waiting);
  await upstream.until(() => upstream.calls.chat === 2 * calls);
  upstream.on(() => undefined);
  expect((await post('chat/completions', JSON.stringify({ model: 'm', ...hello }))).status).toBe(200);
  leave.abort();
  expect((await left).map(({ status }) => status)).toEqual(waiting.map(() => 'rejected'));
}, 60_000);
