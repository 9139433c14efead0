/** The model classes of `@langchain/openai`, in both styles, before services of both styles. */
import { tool } from '@langchain/core/tools';
import {
  AzureChatOpenAI,
  AzureOpenAI,
  AzureOpenAIEmbeddings,
  ChatOpenAI,
  DallEAPIWrapper,
  OpenAI,
  OpenAIEmbeddings,
} from '@langchain/openai';
import { z } from 'zod';
import type { Host } from '../support/host';
import { callersAndServices, startEveryModel, styles, type EveryModel, type Style } from '../support/modelHosts';
import { reply, toolOutputs, wordVector } from '../support/scriptedUpstream';

let models: EveryModel;
beforeAll(async () => {
  models = await startEveryModel();
});
afterAll(async () => models.stop());
beforeEach(() => models.reset());

const azureSettings = ({ url, key }: Host, deployment: string) => ({
  azureOpenAIBasePath: `${url}/openai/deployments`,
  azureOpenAIApiKey: key(),
  azureOpenAIApiDeploymentName: deployment,
  azureOpenAIApiVersion: '2025-04-01-preview',
  maxRetries: 0,
});
const openAiSettings = ({ url, key }: Host, model: string) => ({
  model,
  apiKey: key(),
  configuration: { baseURL: `${url}/v1` },
  maxRetries: 0,
});
/** The classes for a resource of Azure, and those for OpenAI. */
const classes = {
  azure: {
    chat: (host: Host) => new AzureChatOpenAI({ ...azureSettings(host, 'gpt-4o'), model: 'gpt-4o' }),
    embeddings: (host: Host) => new AzureOpenAIEmbeddings({ ...azureSettings(host, 'embed'), batchSize: 2 }),
    completions: (host: Host) => new AzureOpenAI(azureSettings(host, 'instruct')),
  },
  openai: {
    chat: (host: Host) => new ChatOpenAI(openAiSettings(host, 'gpt-4o')),
    embeddings: (host: Host) => new OpenAIEmbeddings(openAiSettings(host, 'embed')),
    completions: (host: Host) => new OpenAI(openAiSettings(host, 'instruct')),
  },
} satisfies Record<Style, object>;

describe.each(callersAndServices)('The classes of style %s before a service of style %s', (caller, service) => {
  const host = () => models.hosts[service];
  const upstream = () => models.chat[service];
  const chat = () => classes[caller].chat(host());

  it('chat invokes and streams, with usage', async () => {
    const whole = await chat().invoke('Hello');
    expect(whole.content).toBe('You said: Hello');
    expect(whole.usage_metadata?.total_tokens).toBeGreaterThan(0);
    const contents: string[] = [];
    let tokens = 0;
    for await (const chunk of await chat().stream('Hello again')) {
      contents.push(String(chunk.content));
      tokens += chunk.usage_metadata?.total_tokens ?? 0;
    }
    expect(contents.filter(Boolean).length).toBeGreaterThan(1);
    expect(contents.join('')).toBe('You said: Hello again');
    expect(tokens).toBeGreaterThan(0);
    expect(upstream().calls.chat).toBe(2);
  });

  it('chat calls tools, streamed or not', async () => {
    const add = tool(({ a, b }) => String(a + b), {
      name: 'add',
      description: 'Adds.',
      schema: z.object({ a: z.number(), b: z.number() }),
    });
    const bound = chat().bindTools([add]);
    const calls = reply.toolCalls([
      { name: 'add', arguments: { a: 1, b: 2 }, id: 'call_1' },
      { name: 'add', arguments: { a: 10, b: 20 }, id: 'call_2' },
    ]);
    upstream().enqueue(calls, calls);
    const expected = [
      { id: 'call_1', name: 'add', args: { a: 1, b: 2 } },
      { id: 'call_2', name: 'add', args: { a: 10, b: 20 } },
    ];
    const asked = await bound.invoke('Add');
    expect(asked.tool_calls).toMatchObject(expected);
    let streamed = undefined;
    for await (const chunk of await bound.stream('Add')) streamed = streamed ? streamed.concat(chunk) : chunk;
    expect(streamed?.tool_calls).toMatchObject(expected);

    upstream().enqueue(({ messages = [] }) => reply.text(`Sum: ${toolOutputs(messages).join()}`));
    const outputs = await Promise.all(
      (asked.tool_calls ?? []).map((call) => add.invoke({ ...call, type: 'tool_call' })),
    );
    expect((await bound.invoke([{ role: 'user', content: 'Add' }, asked, ...outputs])).content).toBe('Sum: 3,30');
    expect(upstream().calls.chat).toBe(3);
  });

  it('chat gives objects by withStructuredOutput, through a schema of the answer or a function', async () => {
    const capital = { city: 'Oslo', people: 709_000 };
    upstream().enqueue(reply.text(JSON.stringify(capital)), reply.toolCalls([{ name: 'capital', arguments: capital }]));
    const schema = z.object({ city: z.string(), people: z.number() });
    for (const method of ['jsonSchema', 'functionCalling'] as const) {
      const structured = chat().withStructuredOutput(schema, { name: 'capital', method });
      expect(await structured.invoke('Norway?')).toEqual(capital);
    }
    const [bySchema, byFunction] = upstream().requests;
    expect(bySchema?.body.response_format).toMatchObject({ type: 'json_schema' });
    expect(byFunction?.body.tool_choice).toMatchObject({ function: { name: 'capital' } });
  });

  it('embeddings of a query and of documents', async () => {
    const model = classes[caller].embeddings(host());
    const vectorOf = (text: string) => Array.from(wordVector(text));
    expect(await model.embedQuery('a query')).toEqual(vectorOf('a query'));
    expect(await model.embedDocuments(['one text', 'another'])).toEqual([vectorOf('one text'), vectorOf('another')]);
    expect(upstream().calls.embeddings).toBe(2);
  });

  it('completions invoke and stream', async () => {
    const model = classes[caller].completions(host());
    expect(await model.invoke('tell me a joke')).toBe('The head mango.');
    let text = '';
    for await (const piece of await model.stream('tell me a joke')) text += piece;
    expect(text).toBe('The head mango.');
    expect(models.media.requests.map(({ operation }) => operation)).toEqual(['completions', 'completions']);
  });
});

it.each(styles)('the tool DallEAPIWrapper makes a picture by a service of style %s', async (style) => {
  const { url, key } = models.hosts[style];
  const painter = new DallEAPIWrapper({
    model: 'painter',
    apiKey: key(),
    baseUrl: `${url}/v1`,
    dallEResponseFormat: 'b64_json',
  });
  expect(await painter.invoke('A hat')).toBe(Buffer.from('picture').toString('base64'));
  expect(models.media.requests.map(({ operation }) => operation)).toEqual(['images/generations']);
});

it('chat reaches a resource by its endpoint alone, as most have configured it', async () => {
  const { azureOpenAIBasePath, ...rest } = azureSettings(models.hosts.azure, 'gpt-4o');
  const model = new AzureChatOpenAI({ ...rest, azureOpenAIEndpoint: new URL(azureOpenAIBasePath).origin });
  expect((await model.invoke('Hello')).content).toBe('You said: Hello');
  // The class puts a model of its own into the body; the deployment in the path is what counts.
  expect(models.chat.azure.requests[0]?.body.model).toBe('gpt-4o');
});
