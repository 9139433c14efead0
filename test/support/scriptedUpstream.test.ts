import OpenAI, { AzureOpenAI } from 'openai';
import type { ScriptedUpstream } from './scriptedUpstream';
import { reply, startScriptedUpstream, wordVector } from './scriptedUpstream';

const tools: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: { name: 'file_search', parameters: {} } }];
const ask = (content: string) => [{ role: 'user' as const, content }];

let upstream: ScriptedUpstream;
let client: OpenAI;
beforeEach(async () => {
  upstream = await startScriptedUpstream();
  client = new OpenAI({ baseURL: upstream.url, apiKey: 'any', maxRetries: 0 });
});
afterEach(async () => {
  await upstream.close();
});

it('repeats what it is told when there is nothing else to do', async () => {
  const completion = await client.chat.completions.create({ model: 'm', messages: ask('Hello') });
  expect(completion.choices[0]?.message.content).toBe('You said: Hello');
  expect(completion.choices[0]?.finish_reason).toBe('stop');
});

it('searches with the question, then answers with the first result and its marker, streamed or not', async () => {
  const messages: OpenAI.ChatCompletionMessageParam[] = ask('How high is it?');
  const first = await client.chat.completions.stream({ model: 'm', messages, tools }).finalMessage();
  const call = first.tool_calls?.[0];
  expect(call).toMatchObject({ function: { name: 'file_search', arguments: '{"queries":["How high is it?"]}' } });

  const results = [
    { marker: '【4:0†tower.md】', filename: 'tower.md', score: 1, text: '330 m' },
    { marker: '【4:1†b.md】', filename: 'b.md', score: 0.5, text: 'other' },
  ];
  messages.push(first, { role: 'tool', tool_call_id: call?.id ?? '', content: JSON.stringify({ results }) });
  const second = await client.chat.completions.create({ model: 'm', messages, tools });
  expect(second.choices[0]?.message.content).toBe('330 m【4:0†tower.md】');
});

it('follows the script first, then the handler, and counts the calls of each kind', async () => {
  upstream.on((body) => (body.model === 'special' ? reply.text('handled') : undefined));
  upstream.enqueue(reply.text('scripted'), (body) => reply.text(`for ${body.model}`));
  const contents: (string | null | undefined)[] = [];
  for (const model of ['a', 'b', 'special', 'd']) {
    const completion = await client.chat.completions.create({ model, messages: ask('x') });
    contents.push(completion.choices[0]?.message.content);
  }
  expect(contents).toEqual(['scripted', 'for b', 'handled', 'You said: x']);
  await client.embeddings.create({ model: 'e', input: 'x' });
  await expect(client.models.list()).rejects.toMatchObject({ status: 404 });
  expect(upstream.calls).toEqual({ chat: 4, embeddings: 1, other: 1 });
  expect(upstream.requests.map(({ kind }) => kind)).toEqual(['chat', 'chat', 'chat', 'chat', 'embeddings', 'other']);
});

it('embeds so that texts which share words are near', async () => {
  const input = ['the height of the tower', 'what is the height of a tower', 'bananas grow in bunches'];
  const asked = await client.embeddings.create({ model: 'e', input, encoding_format: 'float' });
  const [tower = [], question = [], bananas = []] = asked.data.map(({ embedding }) => embedding);
  const near = (a: number[], b: number[]) => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
  expect(near(tower, tower)).toBeCloseTo(1);
  expect(near(tower, question)).toBeGreaterThan(0.5);
  expect(near(tower, bananas)).toBeLessThan(0.3);
  expect(asked.data[0]?.embedding).toEqual(Array.from(wordVector(input[0] ?? '')));
});

it('serves Azure deployments, opening its streams with the filter results of the prompt', async () => {
  const azureUpstream = await startScriptedUpstream({ style: 'azure' });
  try {
    const { azureEndpoint: endpoint } = azureUpstream;
    const azure = new AzureOpenAI({ endpoint, apiKey: 'any', apiVersion: '2024-10-21', maxRetries: 0 });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    const stream = await azure.chat.completions.create({ model: 'gpt-4o', messages: ask('Hello'), stream: true });
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]?.choices).toEqual([]);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('You said: Hello');
    expect(azureUpstream.requests[0]?.path).toBe('/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21');
  } finally {
    await azureUpstream.close();
  }
});

it('answers with scripted errors that clients know', async () => {
  upstream.enqueue(reply.status(429, { headers: { 'retry-after': '1' } }));
  const call = client.chat.completions.create({ model: 'm', messages: ask('Hello') });
  await expect(call).rejects.toBeInstanceOf(OpenAI.RateLimitError);
});

it('tells when a caller leaves', async () => {
  upstream.enqueue(reply.hang());
  const controller = new AbortController();
  const call = client.chat.completions.create({ model: 'm', messages: ask('x') }, { signal: controller.signal });
  const failed = expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
  await upstream.until(() => upstream.calls.chat === 1);
  expect(upstream.abandoned).toBe(0);
  controller.abort();
  await failed;
  await upstream.until(() => upstream.abandoned === 1);
});
