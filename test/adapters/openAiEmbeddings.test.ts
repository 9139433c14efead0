import { openAiEmbeddings } from '../../src/adapters/openAiEmbeddings';
import { embeddingIds } from '../../src/models/backendChoice';
import type { ModelBackend } from '../../src/modelBackends';
import type { EmbeddingModel } from '../../src/models/ports';
import { azureBackend, gatewayOver, KEY, openAiBackend } from '../support/gateway';
import { manualClock } from '../support/manualClock';
import { errorBody, failureOf } from '../support/modelFailure';
import type { ScriptedUpstream } from '../support/scriptedUpstream';
import { reply, startScriptedUpstream, wordVector } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
beforeEach(async () => {
  upstream = await startScriptedUpstream();
});
afterEach(async () => {
  await upstream.close();
});

const clock = manualClock();
const deployment = 'text-embedding-3-small';
const over = (backend: ModelBackend) =>
  openAiEmbeddings(
    gatewayOver([backend], { clock }),
    deployment,
    embeddingIds([backend], deployment)[0] ?? '',
    0.5,
    clock,
  );
const embeddings = () => over(openAiBackend(upstream));
const azureEmbeddings = () => over(azureBackend(upstream));

describe('embeddings', () => {
  const embed = (model: EmbeddingModel, texts: string[]) => model.embed(texts, 'document');
  const body = (vectors: unknown[]) => ({ data: vectors.map((embedding, index) => ({ index, embedding })) });
  const base64 = (...numbers: number[]) => Buffer.from(Float32Array.from(numbers).buffer).toString('base64');

  it('are one vector for each text, in order, whatever the batch', async () => {
    const texts = Array.from({ length: 700 }, (_, index) => `text number ${index}`);
    expect(await embed(embeddings(), texts)).toEqual(texts.map(wordVector));
    expect(upstream.requests.map(({ body }) => body.input?.length).sort()).toEqual([188, 256, 256]);
    expect(upstream.requests[0]?.body).toMatchObject({ model: 'text-embedding-3-small', encoding_format: 'base64' });
  });

  it('of Azure OpenAI are asked of the deployment in the path', async () => {
    expect(await embed(azureEmbeddings(), ['one'])).toEqual([wordVector('one')]);
    expect(upstream.requests[0]).toMatchObject({
      path: '/openai/deployments/text-embedding-3-small/embeddings?api-version=2025-04-01-preview',
      headers: { 'api-key': KEY },
    });
  });

  it('of no text need no call', async () => {
    expect(await embed(embeddings(), [])).toEqual([]);
    expect(upstream.calls.embeddings).toBe(0);
  });

  it('are told apart by service and deployment, and have the text weight that is configured', () => {
    expect(embeddings()).toMatchObject({ id: 'openai:text-embedding-3-small', textWeight: 0.5 });
    expect(azureEmbeddings().id).toBe('azure:text-embedding-3-small');
  });

  it('go in calls of at most 250,000 bytes', async () => {
    const texts = Array.from({ length: 100 }, (_, index) => `${index} ${'é'.repeat(3000)}`);
    await embed(embeddings(), texts);
    const sizes = upstream.requests.map(({ body }) => Buffer.byteLength([body.input ?? []].flat().join('')));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(250_000);
    expect(sizes).toHaveLength(3);
  });

  it('have at most four calls under way', async () => {
    let underWay = 0;
    let most = 0;
    upstream.on(async () => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 10));
      underWay--;
      return undefined;
    });
    await embed(
      embeddings(),
      Array.from({ length: 256 * 10 }, (_, index) => `t${index}`),
    );
    expect(upstream.calls.embeddings).toBe(10);
    expect(most).toBe(4);
  });

  it('are read as numbers too, and put in the order of their indexes', async () => {
    upstream.enqueueEmbeddings(
      reply.json({
        data: [
          { index: 1, embedding: [0, 1] },
          { index: 0, embedding: base64(1, 0) },
        ],
      }),
    );
    expect(await embed(embeddings(), ['a', 'b'])).toEqual([Float32Array.of(1, 0), Float32Array.of(0, 1)]);
  });

  it.each([
    ['too few', body([[1]])],
    ['too many', body([[1], [1], [1]])],
    ['one twice', { data: [0, 0].map((index) => ({ index, embedding: [1] })) }],
    ['an index beyond', { data: [0, 2].map((index) => ({ index, embedding: [1] })) }],
    ['different lengths', body([[1], [1, 2]])],
    ['empty vectors', body([[], []])],
    ['base64 that is cut', body([base64(1), base64(1).slice(0, 4)])],
    ['not numbers', body([base64(1), base64(NaN)])],
    ['no list', { object: 'list' }],
    ['broken JSON', '{"data":['],
  ])('with %s are asked for again, then fail as unavailable', async (_name, answer) => {
    upstream.enqueueEmbeddings(...Array.from({ length: 4 }, () => reply.json(answer)));
    expect((await failureOf(embed(embeddings(), ['a', 'b']))).kind).toBe('unavailable');
    expect(upstream.calls.embeddings).toBe(4);
  });

  it('of different lengths in different calls fail as unavailable', async () => {
    upstream.on((asked) => {
      const texts = [asked.input ?? []].flat();
      return reply.json(body(texts.map(() => (texts.length === 256 ? [1, 2] : [1]))));
    });
    const texts = Array.from({ length: 300 }, (_, index) => `t${index}`);
    expect((await failureOf(embed(embeddings(), texts))).kind).toBe('unavailable');
  });

  it('repeat only the call that failed', async () => {
    upstream.enqueueEmbeddings(reply.status(429), reply.cutAfter(0), reply.disconnect());
    const texts = Array.from({ length: 256 * 4 }, (_, index) => `text ${index}`);
    expect(await embed(embeddings(), texts)).toEqual(texts.map(wordVector));
    expect(upstream.calls.embeddings).toBe(4 + 3);
  });

  it('of documents wait as long as the service asks for, however often; those of a query do not', async () => {
    const busy = () => reply.status(429, { headers: { 'retry-after': '90' } });
    upstream.enqueueEmbeddings(busy(), busy(), busy());
    const start = clock.time;
    expect(await embed(embeddings(), ['a'])).toEqual([wordVector('a')]);
    expect(clock.time - start).toBeGreaterThanOrEqual(3 * 90_000);
    upstream.enqueueEmbeddings(busy());
    expect((await failureOf(embeddings().embed(['a'], 'query'))).kind).toBe('rate_limited');
  });

  it('of documents fail when the service refuses them for ten minutes, and at once when the quota is used up', async () => {
    upstream.on(() => reply.status(429, { headers: { 'retry-after': '90' } }));
    const start = clock.time;
    expect((await failureOf(embed(embeddings(), ['a']))).kind).toBe('rate_limited');
    expect(clock.time - start).toBeGreaterThan(400_000);
    expect(clock.time - start).toBeLessThanOrEqual(600_000);
    upstream.on(() => reply.status(429, { body: errorBody('No quota left.', 'insufficient_quota') }));
    const before = clock.time;
    expect((await failureOf(embed(embeddings(), ['a']))).message).toContain('No quota left.');
    expect(clock.time).toBe(before);
  });

  it('fail with the first call that fails for good, and end the others', async () => {
    let calls = 0;
    upstream.on(() => (++calls === 4 ? reply.status(400, { body: errorBody('Bad input.') }) : reply.hang()));
    const texts = Array.from({ length: 256 * 8 }, (_, index) => `text ${index}`);
    const failure = await failureOf(embed(embeddings(), texts));
    expect(failure).toMatchObject({ kind: 'invalid_request', message: 'Bad input.' });
    await upstream.until(() => upstream.abandoned === 3);
    expect(upstream.calls.embeddings).toBe(4);
  });

  it('fail for an error object in a successful answer', async () => {
    upstream.enqueueEmbeddings(reply.json(errorBody('No such model.', 'model_not_found')));
    expect((await failureOf(embed(embeddings(), ['a']))).kind).toBe('not_found');
  });

  it('end at once, with the reason, when the caller leaves', async () => {
    const reason = new Error('The caller left.');
    upstream.on(() => reply.hang());
    const controller = new AbortController();
    const embedded = embeddings().embed(['a'], 'query', controller.signal);
    await upstream.until(() => upstream.calls.embeddings === 1);
    controller.abort(reason);
    await expect(embedded).rejects.toBe(reason);
    await upstream.until(() => upstream.abandoned === 1);
  });
});
