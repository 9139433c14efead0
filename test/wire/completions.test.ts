/** Completions in both styles, streamed and not, and what is refused before a model service is called. */
import { startHost, type Host } from '../support/host';
import { bodyOf, startScriptedMedia, type ScriptedMedia } from '../support/scriptedMedia';

let media: ScriptedMedia;
let host: Host;
beforeAll(async () => {
  media = await startScriptedMedia();
  host = await startHost({ env: { AZURE_OPENAI_ENDPOINT: media.azureEndpoint, AZURE_OPENAI_API_KEY: 'upstream-key' } });
});
afterAll(async () => {
  await host.stop();
  await media.close();
});
beforeEach(() => {
  media.requests.length = 0;
});

it('both SDK classes get the completion of the deployment that they name', async () => {
  for (const client of [host.openai(), host.azure()]) {
    const completion = await client.completions.create({
      model: 'instruct',
      prompt: ['tell me a joke'],
      max_tokens: 32,
    });
    expect(completion).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'The head mango.', finish_reason: 'stop' }],
    });
  }
  expect(media.requests.map(({ deployment, operation }) => [deployment, operation])).toEqual([
    ['instruct', 'completions'],
    ['instruct', 'completions'],
  ]);
  expect(media.requests.map(({ headers }) => headers['api-key'])).toEqual(['upstream-key', 'upstream-key']);
  expect(media.requests.map(bodyOf)[0]).toMatchObject({ prompt: ['tell me a joke'], max_tokens: 32 });
});

it('streams', async () => {
  const stream = await host.azure().completions.create({ model: 'instruct', prompt: 'x', stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';
  expect(text).toBe('The head mango.');
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
  const answer = await fetch(`${host.url}/openai/deployments/instruct/completions?api-version=2024-10-21`, {
    method: 'POST',
    headers: { 'api-key': host.key(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param } });
  expect(media.requests).toHaveLength(0);
});
