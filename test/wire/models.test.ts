/** Which models there are, with a service and without one, and what the built-in ones do when they are asked directly. */
import { startHost, type Host } from '../support/host';
import { singleService, styles, type Style } from '../support/modelHosts';
import { startScriptedMedia, type ScriptedMedia } from '../support/scriptedMedia';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const idsOf = async (host: Host, style: Style = 'openai') =>
  (await host[style]().models.list()).data.map(({ id }) => id);

describe('With a model service', () => {
  let media: ScriptedMedia;
  beforeAll(async () => {
    media = await startScriptedMedia();
  });
  afterAll(async () => media.close());
  beforeEach(() => media.reset());

  it.each(styles)('that is the only one (%s), its models and the built-in ones are listed and got', async (style) => {
    const host = await startHost({ env: singleService(media, media)[style] });
    try {
      for (const caller of styles) {
        media.reset();
        const { models } = host[caller]();
        expect(await idsOf(host, caller)).toEqual(['local-extractive', 'local-embeddings-en', 'gpt-4o', 'whisper-1']);
        expect(await models.retrieve('gpt-4o')).toMatchObject({ id: 'gpt-4o', object: 'model', owned_by: 'openai' });
        expect(await models.retrieve('meta/llama')).toMatchObject({ id: 'meta/llama' });
        expect(await models.retrieve('local-extractive')).toMatchObject({ owned_by: 'azure-openai-functions' });
        media.on(() => ({ status: 404, body: '{"error":{"message":"No such model.","code":"model_not_found"}}' }));
        await expect(models.retrieve('nothing')).rejects.toMatchObject({ status: 404 });
        expect(await idsOf(host, caller)).toEqual(['local-extractive', 'local-embeddings-en']);
      }
    } finally {
      await host.stop();
    }
  });

  it('and a map of deployments, only what the map serves is listed', async () => {
    const deployments = { chatty: 'gpt-4o', 'whisper-1': 'whisper-1' };
    const host = await startHost({
      env: { MODEL_BACKENDS: JSON.stringify([{ name: 'a', kind: 'openai', base_url: media.url, deployments }]) },
    });
    try {
      expect(await idsOf(host)).toEqual(['chatty', 'whisper-1', 'local-extractive', 'local-embeddings-en']);
      expect(await host.openai().models.retrieve('chatty')).toMatchObject({ id: 'chatty' });
      await expect(host.openai().models.retrieve('gpt-4o')).rejects.toMatchObject({
        status: 404,
        code: 'model_not_found',
        param: 'model',
      });
      await expect(host.openai().images.generate({ model: 'dall-e-3', prompt: 'x' })).rejects.toMatchObject({
        status: 404,
        code: 'DeploymentNotFound',
      });
    } finally {
      await host.stop();
    }
  });
});

describe('With several model services', () => {
  const error = '{"error":{"message":"No such model.","code":"model_not_found"}}';
  let services: ScriptedMedia[];
  let host: Host;
  beforeAll(async () => {
    services = await Promise.all([startScriptedMedia(), startScriptedMedia()]);
    const backends = services.map(({ url }, priority) => ({
      name: `backend-${priority}`,
      kind: 'openai',
      base_url: url,
      priority,
      deployments: { '*': '*' },
    }));
    host = await startHost({ env: { MODEL_BACKENDS: JSON.stringify(backends) } });
  });
  afterAll(async () => {
    await host.stop();
    for (const service of services) await service.close();
  });

  it('that take every name, a model is got from the first that has it, and is 404 where none has', async () => {
    services[0]?.on(() => ({ status: 404, body: error }));
    expect(await host.openai().models.retrieve('gpt-4o')).toMatchObject({ id: 'gpt-4o', owned_by: 'openai' });
    expect(services.map(({ requests }) => requests.length)).toEqual([1, 1]);
    services[1]?.on(() => ({ status: 404, body: error }));
    await expect(host.openai().models.retrieve('gpt-4o')).rejects.toMatchObject({ status: 404 });
  });
});

describe('Without a model service', () => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(async () => host.stop());
  const messages = [{ role: 'user' as const, content: 'How high is the tower?' }];
  const search = { type: 'function' as const, function: { name: 'file_search', parameters: {} } };

  it('the built-in models are listed', async () => {
    expect(await idsOf(host, 'azure')).toEqual(['local-extractive', 'local-embeddings-en']);
    await expect(host.openai().models.retrieve('gpt-4o')).rejects.toMatchObject({ status: 404 });
  });

  it('everything that they do not do is a 404 that names the setting which would serve it', async () => {
    const client = host.azure();
    const calls = [
      () => client.chat.completions.create({ model: 'gpt-4o', messages }),
      () => client.completions.create({ model: 'instruct', prompt: 'x' }),
      () => client.images.generate({ model: 'dall-e-3', prompt: 'x' }),
      () => client.audio.speech.create({ model: 'tts', input: 'x', voice: 'alloy' }),
      () => client.moderations.create({ input: 'x' }),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        status: 404,
        code: 'DeploymentNotFound',
        message: expect.stringContaining('OPENAI_BASE_URL'),
      });
    }
  });

  it('local-extractive answers from the results of a search, whole and streamed, with usage', async () => {
    const client = host.openai();
    const first = await client.chat.completions.create({ model: 'local-extractive', messages, tools: [search] });
    const call = first.choices[0]?.message.tool_calls?.[0];
    expect(first).toMatchObject({
      object: 'chat.completion',
      choices: [{ finish_reason: 'tool_calls', message: { content: null } }],
    });
    const results = [
      { marker: '【0:1†tower.md】', filename: 'tower.md', text: 'The tower is 330 metres high. It is made of iron.' },
    ];
    const asked = {
      model: 'local-extractive',
      messages: [
        ...messages,
        { role: 'assistant' as const, tool_calls: call ? [call] : [] },
        { role: 'tool' as const, tool_call_id: call?.id ?? '', content: JSON.stringify({ results }) },
      ],
      tools: [search],
    };
    const second = await client.chat.completions.create(asked);
    expect(second.choices[0]?.message.content).toContain('The tower is 330 metres high.【0:1†tower.md】');
    expect(second.usage?.total_tokens).toBeGreaterThan(10);
    const streamed = await client.chat.completions
      .stream({ ...asked, stream_options: { include_usage: true } })
      .finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe(second.choices[0]?.message.content);
    expect(streamed.usage).toEqual(second.usage);
  });

  it('streams are chunks that end with [DONE], with usage only if it was asked for', async () => {
    const send = async (more: object) => {
      const answer = await fetch(
        `${host.url}/openai/deployments/local-extractive/chat/completions?api-version=2024-10-21`,
        {
          method: 'POST',
          headers: { 'api-key': host.key(), 'content-type': 'application/json' },
          body: JSON.stringify({ messages, stream: true, ...more }),
        },
      );
      expect(answer.headers.get('content-type')).toContain('text/event-stream');
      const frames = (await answer.text()).split('\n\n').filter(Boolean);
      expect(frames.pop()).toBe('data: [DONE]');
      return frames.map((frame) => JSON.parse(frame.slice('data: '.length)));
    };
    const plain = await send({});
    expect(plain.every((chunk) => chunk.object === 'chat.completion.chunk' && !('usage' in chunk))).toBe(true);
    const counted = await send({ stream_options: { include_usage: true } });
    expect(counted.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
    expect(counted.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  it.each([
    ['n', { n: 2 }],
    ['stop', { stop: ['.'] }],
    ['logprobs', { logprobs: true }],
    ['web_search_options', { web_search_options: {} }],
    ['store', { store: true }],
    ['response_format', { response_format: { type: 'json_object' } }],
  ])('what local-extractive cannot do (%s) is a 400 that says so, streamed too', async (field, more) => {
    for (const stream of [false, true]) {
      const failed = host
        .openai()
        .chat.completions.create({ model: 'local-extractive', messages, stream, ...(more as object) });
      await expect(failed).rejects.toMatchObject({ status: 400, message: expect.stringContaining(field) });
    }
  });
});

describe('A model server on this machine', () => {
  let upstream: ScriptedUpstream;
  let media: ScriptedMedia;
  beforeAll(async () => {
    [upstream, media] = [await startScriptedUpstream(), await startScriptedMedia()];
  });
  afterAll(async () => {
    await upstream.close();
    await media.close();
  });

  it('that lists models is used, which the output at start says', async () => {
    // The first address lists nothing: it is no model server.
    const host = await startHost({ env: { LOCAL_MODEL_SERVERS: `${upstream.url},${media.url}` } });
    try {
      expect(host.output()).toMatch(new RegExp(`Models: .* at ${media.url}, found on this machine`));
      expect((await host.openai().completions.create({ model: 'any', prompt: 'x' })).choices[0]?.text).toBe(
        'The head mango.',
      );
      expect(await idsOf(host)).toContain('whisper-1');
    } finally {
      await host.stop();
    }
  });

  it('that is gone later is named by the setting that found it', async () => {
    const server = await startScriptedMedia();
    const host = await startHost({ env: { LOCAL_MODEL_SERVERS: server.url } });
    try {
      await server.close();
      const asked = host.openai().completions.create({ model: 'any', prompt: 'x' }, { maxRetries: 0 });
      await expect(asked).rejects.toMatchObject({
        status: 502,
        message: expect.stringContaining('The model service that LOCAL_MODEL_SERVERS names cannot be reached'),
      });
    } finally {
      await host.stop();
    }
  });

  it('is left alone where a service is configured', async () => {
    media.requests.length = 0;
    const host = await startHost({ env: { LOCAL_MODEL_SERVERS: media.url, OPENAI_BASE_URL: upstream.url } });
    try {
      const made = await host
        .openai()
        .chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] });
      expect(made.choices[0]?.message.content).toBe('You said: Hi');
      expect(media.requests).toEqual([]);
    } finally {
      await host.stop();
    }
  });
});
