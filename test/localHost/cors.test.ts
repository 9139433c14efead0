/** Programs in browsers before the local host: preflights, and the headers that let a page read the answer. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyLocalSettings } from '../../src/localHost/hostSettings';
import { readAllowedOrigins } from '../../src/localHost/cors';
import { startHost, type Host } from '../support/host';

const PAGE = 'http://localhost:3000';

/** As a browser asks before the SDK's call with `dangerouslyAllowBrowser`. */
const preflight = async (url: string, origin = PAGE): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
    },
  });
const chat = async (host: Host, origin: string, stream: boolean): Promise<Response> =>
  fetch(`${host.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { origin, authorization: `Bearer ${host.key()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'local-extractive', stream, messages: [{ role: 'user', content: 'Hello.' }] }),
  });

describe.each([
  ['one origin', `https://app.example, ${PAGE}/`, PAGE, 'Origin'],
  ['every origin', '*', '*', null],
])('With CORS for %s', (_, CORS, told, vary) => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost({ env: { CORS } });
  });
  afterAll(() => host.stop());

  it('a preflight is answered without a key, with the method and the headers that it asks for', async () => {
    const answer = await preflight(host.url);
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': told,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization,content-type,x-stainless-lang',
    });
    expect(answer.headers.get('vary')).toBe(vary);
  });

  it.each([false, true])('an answer, streamed: %s, may be read by the page', async (stream) => {
    const answer = await chat(host, PAGE, stream);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('access-control-allow-origin')).toBe(told);
    expect(await answer.text()).toContain(stream ? '[DONE]' : 'chat.completion');
  });

  it('a refusal may be read by the page', async () => {
    const answer = await fetch(`${host.url}/v1/models`, { headers: { origin: PAGE } });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('access-control-allow-origin')).toBe(told);
  });

  it('another page is told nothing where origins are named', async () => {
    const other = 'https://elsewhere.example';
    const answers = [await preflight(host.url, other), await chat(host, other, false)];
    expect(answers.map(({ status }) => status)).toEqual([204, 200]);
    const headers = answers.map((answer) => answer.headers.get('access-control-allow-origin'));
    expect(headers).toEqual(told === '*' ? ['*', '*'] : [null, null]);
  });
});

it('without CORS a preflight reaches the functions, as on the platform without origins', async () => {
  const host = await startHost();
  try {
    const answer = await preflight(host.url);
    expect(answer.status).toBe(401);
    expect(answer.headers.has('access-control-allow-origin')).toBe(false);
  } finally {
    await host.stop();
  }
});

it('Host.CORS of local.settings.json counts where the environment says nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cors-'));
  try {
    await writeFile(join(folder, 'local.settings.json'), JSON.stringify({ Values: { A: 'b' }, Host: { CORS: PAGE } }));
    const unset: NodeJS.ProcessEnv = {};
    const set: NodeJS.ProcessEnv = { CORS: '*' };
    for (const env of [unset, set]) await applyLocalSettings(folder, env);
    expect([unset, set]).toEqual([
      { A: 'b', CORS: PAGE },
      { A: 'b', CORS: '*' },
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it.each(['localhost:3000', 'http://localhost:3000/page', '*,http://localhost:3000', 'null'])(
  'CORS %j is refused in one line',
  (CORS) => {
    expect(() => readAllowedOrigins({ CORS })).toThrow('CORS: must be origins joined by commas');
  },
);
