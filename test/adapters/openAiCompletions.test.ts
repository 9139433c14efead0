import { openAiCompletions } from '../../src/adapters/openAiCompletions';
import type { CompletionBody, CompletionChunk } from '../../src/models/ports';
import { gatewayOver, openAiBackend } from '../support/gateway';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const never = new AbortController().signal;
let upstream: ScriptedUpstream;
beforeEach(async () => {
  upstream = await startScriptedUpstream({ style: 'azure' });
});
afterEach(async () => upstream.close());

const body = (fields: object = {}): CompletionBody => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content: 'Hello' }],
  ...fields,
});
const completions = () => openAiCompletions(gatewayOver([openAiBackend(upstream)]));
async function chunksOf(given = body()): Promise<CompletionChunk[]> {
  const chunks: CompletionChunk[] = [];
  for await (const chunk of completions().chunks(given, never, 'alpha')) chunks.push(chunk);
  return chunks;
}
const refuses = (param: string) =>
  reply.status(400, {
    body: { error: { message: `Unsupported parameter: '${param}'.`, param, code: 'unsupported_parameter' } },
  });

it('answers hold every field of the service, whole and streamed', async () => {
  const whole = await completions().whole(body(), never, 'alpha');
  expect(whole).toMatchObject({
    object: 'chat.completion',
    choices: [{ message: { content: 'You said: Hello' }, content_filter_results: expect.anything() }],
  });
  const chunks = await chunksOf();
  expect(chunks[0]).toMatchObject({ choices: [], prompt_filter_results: expect.anything() });
  expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('You said: Hello');
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
});

it('a model that takes only max_completion_tokens gets that in place of max_tokens, which is remembered', async () => {
  upstream.on(({ max_tokens }) => (max_tokens === undefined ? undefined : refuses('max_tokens')));
  const model = completions();
  for (const calls of [2, 3]) {
    await model.whole(body({ max_tokens: 9 }), never, 'alpha');
    expect(upstream.calls.chat).toBe(calls);
    expect(upstream.requests.at(-1)?.body).toMatchObject({ max_completion_tokens: 9 });
  }
});

it('a model that refuses both names for the most tokens has its refusal told', async () => {
  upstream.on((sent) => refuses('max_tokens' in sent ? 'max_tokens' : 'max_completion_tokens'));
  await expect(completions().whole(body({ max_tokens: 9 }), never, 'alpha')).rejects.toMatchObject({
    kind: 'invalid_request',
  });
  expect(upstream.calls.chat).toBe(2);
});

it('what else the caller has set is not dropped where the model refuses it', async () => {
  upstream.on(() => refuses('temperature'));
  await expect(completions().whole(body({ temperature: 0 }), never, 'alpha')).rejects.toMatchObject({
    kind: 'invalid_request',
    param: 'temperature',
  });
  expect(upstream.calls.chat).toBe(1);
});

it('an answer that is no chat completion, or breaks off, is told as such', async () => {
  upstream.on(() => reply.json({ choices: 'none' }));
  await expect(completions().whole(body(), never, 'alpha')).rejects.toMatchObject({ kind: 'unavailable' });
  upstream.on(() => reply.raw('data: {"choices":[{"index":0,"delta":{"content":"He"}}]}\n\n'));
  await expect(chunksOf()).rejects.toThrow('ended its answer before it was complete');
  upstream.on(() => reply.raw('data: {"error":{"message":"Overloaded.","code":"server_error"}}\n\n'));
  await expect(chunksOf()).rejects.toThrow('Overloaded.');
});

it('a stream that its reader leaves is ended', async () => {
  upstream.on(() => reply.text('word '.repeat(50), { chunks: 50, delayMs: 50 }));
  const chunks = completions().chunks(body(), never, 'alpha');
  await chunks.next();
  await chunks.return();
  await upstream.until(() => upstream.abandoned === 1);
});
