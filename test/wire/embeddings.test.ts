/** Embeddings in both styles through a model service, and by the built-in model. */
import { encode } from 'gpt-tokenizer/encoding/cl100k_base';
import { startHost, type Host } from '../support/host';
import { callersAndServices, singleService, startHosts, styles, type Hosts, type Style } from '../support/modelHosts';
import { reply, startScriptedUpstream, wordVector, type ScriptedUpstream } from '../support/scriptedUpstream';

describe('By a model service', () => {
  let upstreams: Record<Style, ScriptedUpstream>;
  let hosts: Hosts;
  beforeAll(async () => {
    upstreams = { openai: await startScriptedUpstream(), azure: await startScriptedUpstream({ style: 'azure' }) };
    hosts = await startHosts(singleService(upstreams.openai, upstreams.azure));
  });
  afterAll(async () => {
    await hosts.stop();
    for (const style of styles) await upstreams[style].close();
  });
  beforeEach(() => {
    for (const style of styles) upstreams[style].reset();
  });

  it.each(callersAndServices)(
    'the %s SDK, which asks for base64, and for float where it is told to, gets the vectors of a service of style %s',
    async (caller, service) => {
      const { embeddings } = hosts[service][caller]();
      const asked = { model: 'embed', input: ['one text', 'another'] };
      const vectors = asked.input.map((text) => Array.from(wordVector(text)));
      for (const encoding_format of [undefined, 'float'] as const) {
        const made = await embeddings.create({ ...asked, encoding_format });
        expect(made.data.map(({ embedding }) => embedding)).toEqual(vectors);
      }
      const { requests } = upstreams[service];
      expect(requests.map(({ body }) => body.encoding_format)).toEqual(['base64', 'float']);
      expect(requests[0]?.path).toContain(
        service === 'azure' ? '/openai/deployments/embed/embeddings?api-version=' : '/v1/embeddings',
      );
    },
  );

  it.each([
    ['one input', Array.from({ length: 8191 }, () => 5)],
    ['several inputs', [Array.from({ length: 8191 }, () => 5), [7]]],
  ])('as many tokens as a model takes pass as %s', async (_what, input) => {
    upstreams.azure.enqueueEmbeddings(reply.json({ object: 'list', data: [] }));
    const answer = await fetch(`${hosts.azure.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'api-key': hosts.azure.key(), 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'embed', input }),
    });
    expect([answer.status, upstreams.azure.requests[0]?.body.input]).toEqual([200, input]);
  });

  it.each([
    ['no input', {}, 'input'],
    ['an empty text', { input: '' }, 'input'],
    ['no texts', { input: [] }, 'input'],
    ['an empty text among texts', { input: ['a', ''] }, 'input[1]'],
    ['an object', { input: {} }, 'input'],
    ['too many texts', { input: Array.from({ length: 2049 }, () => 'a') }, 'input'],
    ['another encoding', { input: 'a', encoding_format: 'hex' }, 'encoding_format'],
    ['no dimensions at all', { input: 'a', dimensions: 0 }, 'dimensions'],
    ['no model where the path has none', { input: 'a', model: undefined }, 'model'],
  ])('%s is refused with 400 before any upstream call', async (_what, body, param) => {
    const answer = await fetch(`${hosts.azure.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'api-key': hosts.azure.key(), 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'embed', ...body }),
    });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param } }]);
    expect(upstreams.azure.calls.embeddings).toBe(0);
  });
});

describe('By the built-in model, with no model service', () => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(async () => host.stop());
  const vectorsOf = (data: { embedding: number[] }[]) => data.map(({ embedding }) => embedding);
  const length = (vector: number[] = []) => Math.hypot(...vector);
  const near = (a: number[] = [], b: number[] = []) =>
    a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

  it('any name gets vectors of 512 numbers which tell texts apart, and is told whose they are', async () => {
    const input = ['The cat sleeps on the sofa.', 'A kitten naps on the couch.', 'Interest rates rose again.'];
    const made = await host.azure().embeddings.create({ model: 'text-embedding-3-small', input });
    expect(made.model).toBe('local-embeddings-en');
    const tokens = input.reduce((sum, text) => sum + encode(text).length, 0);
    expect(made.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
    const [cat, kitten, rates] = vectorsOf(made.data);
    expect(cat).toHaveLength(512);
    expect(near(cat, kitten)).toBeGreaterThan(near(cat, rates) + 0.1);
  });

  it('float and base64 are the same vector', async () => {
    const asked = { model: 'local-embeddings-en', input: 'The cat sleeps.' };
    const [float] = vectorsOf((await host.openai().embeddings.create({ ...asked, encoding_format: 'float' })).data);
    const [base64] = vectorsOf((await host.openai().embeddings.create(asked)).data);
    expect(base64).toEqual(float?.map(Math.fround));
    expect(length(float)).toBeCloseTo(1, 5);
  });

  it('tokens are the text that they stand for', async () => {
    const text = 'The cat sleeps on the sofa.';
    const client = host.openai();
    const [fromText] = vectorsOf((await client.embeddings.create({ model: 'm', input: text })).data);
    const [fromTokens] = vectorsOf((await client.embeddings.create({ model: 'm', input: encode(text) })).data);
    const several = await client.embeddings.create({ model: 'm', input: [encode(text), encode('Another.')] });
    expect(fromTokens).toEqual(fromText);
    expect(several.data).toHaveLength(2);
    expect(several.usage.prompt_tokens).toBe(encode(text).length + encode('Another.').length);
  });

  it('dimensions cut the vector and bring it back to length 1', async () => {
    const client = host.openai();
    const asked = { model: 'm', input: 'The cat sleeps.' };
    const [whole] = vectorsOf((await client.embeddings.create(asked)).data);
    const [cut] = vectorsOf((await client.embeddings.create({ ...asked, dimensions: 64 })).data);
    expect(cut).toHaveLength(64);
    expect(length(cut)).toBeCloseTo(1, 5);
    expect(near(cut, whole?.slice(0, 64)) / length(whole?.slice(0, 64))).toBeCloseTo(1, 5);
  });

  it.each([
    ['more dimensions than there are', { input: 'a', dimensions: 1536 }, /512/],
    ['a token that does not exist', { input: [9_999_999] }, /cl100k_base/],
  ])('%s are refused with 400', async (_what, body, message) => {
    const failed = host.openai().embeddings.create({ model: 'm', ...body });
    await expect(failed).rejects.toMatchObject({ status: 400, message: expect.stringMatching(message) });
  });
});
