/** Every model family of `@ai-sdk/azure`, at each of the addresses that it makes, before services of both styles. Those of responses: aiSdkResponses.test.ts. */
import { createAzure } from '@ai-sdk/azure';
import {
  embed,
  embedMany,
  generateImage,
  generateSpeech,
  generateText,
  isStepCount,
  Output,
  streamText,
  tool,
  transcribe,
} from 'ai';
import { z } from 'zod';
import type { Host } from '../support/host';
import { startEveryModel, styles, type EveryModel } from '../support/modelHosts';
import { formField, SPEECH } from '../support/scriptedMedia';
import { reply, toolOutputs, wordVector } from '../support/scriptedUpstream';

let models: EveryModel;
beforeAll(async () => {
  // That a completion model is not told of tools.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  models = await startEveryModel();
});
afterAll(async () => models.stop());
beforeEach(() => models.reset());

type Provider = ReturnType<typeof createAzure>;
/** How `createAzure` is configured decides on the URLs that it calls. */
const addresses: [what: string, make: (host: Host) => Provider][] = [
  [
    'deployments and api-version',
    ({ url, key }) =>
      createAzure({
        baseURL: `${url}/openai`,
        apiKey: key(),
        apiVersion: '2025-04-01-preview',
        useDeploymentBasedUrls: true,
      }),
  ],
  [
    'a resource, which are /openai/v1?api-version=v1',
    ({ url, key }) =>
      createAzure({
        resourceName: 'mine',
        apiKey: key(),
        fetch: async (input, init) => fetch(String(input).replace('https://mine.openai.azure.com', url), init),
      }),
  ],
  ['a base URL', ({ url, key }) => createAzure({ baseURL: `${url}/openai/v1`, apiKey: key() })],
];
const cases = addresses.flatMap(([what, make]) => styles.map((style) => [what, style, make] as const));

describe.each(cases)('With the addresses of %s, before a service of style %s', (_what, style, make) => {
  let azure: Provider;
  beforeEach(() => {
    azure = make(models.hosts[style]);
  });
  const chat = () => models.chat[style];

  it('chat generates and streams text, with usage', async () => {
    const whole = await generateText({ model: azure.chat('gpt-4o'), prompt: 'Hello', maxRetries: 0 });
    expect(whole.text).toBe('You said: Hello');
    const streamed = streamText({ model: azure.chat('gpt-4o'), prompt: 'Hello again', maxRetries: 0 });
    const deltas: string[] = [];
    for await (const delta of streamed.textStream) deltas.push(delta);
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.join('')).toBe('You said: Hello again');
    expect((await streamed.usage).totalTokens).toBeGreaterThan(0);
    expect(chat().calls.chat).toBe(2);
  });

  it('chat runs tools, parallel ones too, streamed or not', async () => {
    const add = tool({
      description: 'Adds.',
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      execute: ({ a, b }) => a + b,
    });
    const asked = { model: azure.chat('gpt-4o'), prompt: 'Add', tools: { add }, stopWhen: isStepCount(3) };
    const script = () =>
      chat().enqueue(
        reply.toolCalls([
          { name: 'add', arguments: { a: 1, b: 2 } },
          { name: 'add', arguments: { a: 10, b: 20 } },
        ]),
        ({ messages = [] }) => reply.text(`Sums: ${toolOutputs(messages).join(' and ')}`),
      );
    script();
    expect((await generateText(asked)).text).toBe('Sums: 3 and 30');
    script();
    expect(await streamText(asked).text).toBe('Sums: 3 and 30');
    expect(chat().calls.chat).toBe(4);
  });

  it('chat gives objects by a schema, streamed or not', async () => {
    const capital = { city: 'Oslo', people: 709_000 };
    const output = Output.object({ schema: z.object({ city: z.string(), people: z.number() }) });
    const asked = { model: azure.chat('gpt-4o'), prompt: 'Norway?', output };
    chat().enqueue(reply.text(JSON.stringify(capital)), reply.text(JSON.stringify(capital)));
    expect((await generateText(asked)).output).toEqual(capital);
    expect(await streamText(asked).output).toEqual(capital);
    for (const { body } of chat().requests) expect(body.response_format).toMatchObject({ type: 'json_schema' });
  });

  it('completion generates and streams text', async () => {
    const model = azure.completion('instruct');
    expect((await generateText({ model, prompt: 'x' })).text).toBe('The head mango.');
    expect(await streamText({ model, prompt: 'x' }).text).toBe('The head mango.');
    expect(models.media.requests.map(({ operation }) => operation)).toEqual(['completions', 'completions']);
  });

  it('embedding gives vectors, of one text and of many', async () => {
    const model = azure.embedding('embed');
    const vectorOf = (text: string) => Array.from(wordVector(text));
    expect((await embed({ model, value: 'one text' })).embedding).toEqual(vectorOf('one text'));
    const { embeddings, usage } = await embedMany({ model, values: ['one text', 'another'] });
    expect(embeddings).toEqual([vectorOf('one text'), vectorOf('another')]);
    expect(usage.tokens).toBeGreaterThan(0);
    expect(chat().calls.embeddings).toBe(2);
  });

  it('image generates and edits pictures', async () => {
    const model = azure.image('painter');
    const picture = Buffer.from('picture').toString('base64');
    expect((await generateImage({ model, prompt: 'A hat' })).image.base64).toBe(picture);
    const png = new Uint8Array(Buffer.from('89504e470d0a1a0a0000', 'hex'));
    const edited = await generateImage({ model, prompt: { text: 'A red hat', images: [png] } });
    expect(edited.images.map(({ base64 }) => base64)).toEqual([picture]);
    const [, edit] = models.media.requests;
    expect(models.media.requests.map(({ operation }) => operation)).toEqual(['images/generations', 'images/edits']);
    expect(edit && formField(edit, 'prompt')).toBe('A red hat');
  });

  it('transcription writes down speech', async () => {
    const made = await transcribe({ model: azure.transcription('ears'), audio: Buffer.from('RIFF....WAVEfmt ') });
    expect(made.text).toBe('Plain words.');
    expect(models.media.requests[0]?.body.toString()).toContain('RIFF....WAVEfmt ');
  });

  it('speech speaks, byte for byte', async () => {
    const { audio } = await generateSpeech({ model: azure.speech('voice'), text: 'Hi!', voice: 'fable' });
    expect(Buffer.from(audio.uint8Array).equals(SPEECH)).toBe(true);
    expect(audio.mediaType).toBe('audio/mpeg');
  });
});

it('a 429 is waited out by the server, and a refusal arrives as an error of the SDK', async () => {
  const { url, key } = models.hosts.openai;
  const model = createAzure({ baseURL: `${url}/openai/v1`, apiKey: key() }).chat('gpt-4o');
  const { openai: upstream } = models.chat;
  upstream.enqueue(reply.status(429, { headers: { 'retry-after-ms': '1' } }));
  expect((await generateText({ model, prompt: 'x', maxRetries: 0 })).text).toBe('You said: x');
  upstream.enqueue(reply.status(400));
  const refused = generateText({ model, prompt: 'x', maxRetries: 0 });
  await expect(refused).rejects.toMatchObject({ statusCode: 400, message: 'Scripted 400.' });
  expect(upstream.calls.chat).toBe(3);
});
