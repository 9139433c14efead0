/** What a host says and does where no model service is configured. */
import { startHost, type Host } from '../support/host';

let host: Host;
beforeAll(async () => {
  host = await startHost({ env: { OPENAI_API_KEY: 'sk-for-others', AZURE_OPENAI_API_KEY: 'for-others' } });
});
afterAll(async () => host.stop());

it('a key without the address that it is for is told at the start, without being shown', () => {
  expect(host.output()).toContain(
    'OPENAI_API_KEY is not used, since OPENAI_BASE_URL is not set (that of OpenAI itself is https://api.openai.com/v1).',
  );
  expect(host.output()).toContain('AZURE_OPENAI_API_KEY is not used, since AZURE_OPENAI_ENDPOINT is not set.');
  expect(host.output()).not.toContain('for-others');
});

const messages = [{ role: 'user', content: 'Hello' }];
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
it.each([
  ['chat/completions', { messages, response_format: { type: 'json_object' } }, 'response_format'],
  ['chat/completions', { messages, tool_choice: 'required' }, 'tool_choice'],
  ['chat/completions', { messages: [{ role: 'user', content: [image] }] }, 'messages'],
  ['chat/completions', { messages, n: 2 }, 'n'],
  ['chat/completions', { messages, function_call: { name: 'f' } }, 'function_call'],
  ['chat/completions', { messages, modalities: ['text', 'image'] }, 'modalities'],
  ['chat/completions', { messages, top_logprobs: 2 }, 'top_logprobs'],
  ['chat/completions', { messages, stream: true, logprobs: true }, 'logprobs'],
  ['chat/completions', { messages: [{ role: 'nobody', content: 'x' }] }, 'messages.0'],
  ['embeddings', { input: 'x', dimensions: 5_000 }, 'dimensions'],
  ['embeddings', { input: [100_000_000] }, 'input'],
])('the built-in models refuse, in %s, %j naming the parameter', async (path, body, param) => {
  const answer = await fetch(`${host.url}/v1/${path}`, {
    method: 'POST',
    headers: { 'api-key': host.key(), 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'local-extractive', ...body }),
  });
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param, code: 'invalid_request' } }]);
});
