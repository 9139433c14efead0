/** Completions in both styles, streamed and not, and what is refused before a model service is called. */
import { callersAndServices, startMediaHosts, UPSTREAM_KEY, type Hosts } from '../support/modelHosts';
import { bodyOf, type ScriptedMedia } from '../support/scriptedMedia';

let media: ScriptedMedia;
let hosts: Hosts;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ media, hosts, stop } = await startMediaHosts());
});
afterAll(async () => stop());
beforeEach(() => media.reset());

describe.each(callersAndServices)('The %s SDK before a service of style %s', (caller, service) => {
  const completions = () => hosts[service][caller]().completions;

  it('gets the completion of the deployment that it names', async () => {
    const asked = { model: 'instruct', prompt: ['tell me a joke'], max_tokens: 32 };
    expect(await completions().create(asked)).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'The head mango.', finish_reason: 'stop' }],
    });
    const [request] = media.requests;
    expect(media.requests).toHaveLength(1);
    expect(request && bodyOf(request)).toMatchObject({ prompt: ['tell me a joke'], max_tokens: 32 });
    expect(request).toMatchObject(
      service === 'azure'
        ? { deployment: 'instruct', operation: 'completions', headers: { 'api-key': UPSTREAM_KEY } }
        : { path: '/v1/completions', headers: { authorization: `Bearer ${UPSTREAM_KEY}` } },
    );
    expect(JSON.stringify(request?.headers)).not.toContain(hosts[service].key());
  });

  it('gets it streamed', async () => {
    const stream = await completions().create({ model: 'instruct', prompt: 'x', stream: true });
    const texts: (string | undefined)[] = [];
    for await (const chunk of stream) texts.push(chunk.choices[0]?.text);
    expect(texts).toEqual(['The head', ' mango.']);
  });
});

it.each([
  ['no prompt', {}, 'prompt'],
  ['a prompt that is a number', { prompt: 7 }, 'prompt'],
  ['tokens that are fractions', { prompt: [1.5] }, 'prompt[0]'],
  ['stream as text', { prompt: 'x', stream: 'yes' }, 'stream'],
  ['stream_options without stream', { prompt: 'x', stream_options: { include_usage: true } }, 'stream_options'],
  ['best_of below n', { prompt: 'x', n: 3, best_of: 2 }, 'best_of'],
  ['best_of with a stream', { prompt: 'x', best_of: 2, stream: true }, 'best_of'],
])('refuses %s with 400 that names it, before any upstream call', async (_what, body, param) => {
  const answer = await fetch(`${hosts.azure.url}/openai/deployments/instruct/completions?api-version=2024-10-21`, {
    method: 'POST',
    headers: { 'api-key': hosts.azure.key(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param } });
  expect(media.requests).toHaveLength(0);
});
