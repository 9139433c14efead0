import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { localEmbeddings } from '../../src/adapters/localEmbeddings';
import { ModelError } from '../../src/models/ports';

const model = localEmbeddings();

afterAll(async () => {
  await model.close();
});

const dot = (a?: Float32Array, b?: Float32Array) =>
  Array.from(a ?? []).reduce((sum, value, at) => sum + value * (b?.[at] ?? NaN), 0);

describe('localEmbeddings', () => {
  it('gives one normalised vector of 512 dimensions per text, in order', async () => {
    const texts = Array.from({ length: 70 }, (_, at) => `text ${at} ${'about ships '.repeat(at % 9)}`);
    const vectors = await model.embed(texts, 'document');
    expect(vectors).toHaveLength(70);
    for (const vector of vectors) {
      expect(vector).toHaveLength(512);
      expect(dot(vector, vector)).toBeCloseTo(1, 4);
    }
    const [alone] = await model.embed(['text 42 '.concat('about ships '.repeat(42 % 9))], 'query');
    expect(dot(alone, vectors[42])).toBeGreaterThan(0.999);
    expect(await model.embed([], 'document')).toEqual([]);
  });

  it('puts a paraphrase nearer than another subject', async () => {
    const [question, answer, other] = await model.embed(
      ['How old are you?', 'What is your age?', 'The train to Berlin leaves at noon.'],
      'query',
    );
    expect(dot(question, answer)).toBeGreaterThan(dot(question, other) + 0.3);
  });

  it('takes texts of any kind and length', async () => {
    const texts = ['', ' \n\t', '🐢', '日本語', '\ud800', '\u0000', 'x'.repeat(100_000), 'word '.repeat(400_000)];
    const vectors = await model.embed(texts, 'document');
    for (const vector of vectors) expect(dot(vector, vector)).toBeCloseTo(1, 4);
  });

  it('sees the beginning and the end of a long text', async () => {
    const filler = 'Nothing of note happened on that day in the quiet town. '.repeat(40);
    const [query, begins, ends, neither] = await model.embed(
      [
        'volcano eruption',
        `The volcano erupted and lava flowed. ${filler}`,
        `${filler} The volcano erupted and lava flowed.`,
        filler,
      ],
      'document',
    );
    expect(dot(query, begins)).toBeGreaterThan(dot(query, neither));
    expect(dot(query, ends)).toBeGreaterThan(dot(query, neither));
  });

  it('stops between batches when the signal is aborted', async () => {
    const controller = new AbortController();
    const texts = Array.from({ length: 2_000 }, (_, at) => `${at} ${'some long text '.repeat(40)}`);
    const running = model.embed(texts, 'document', controller.signal);
    await model.embed(['warm'], 'query');
    controller.abort(new Error('the caller left'));
    await expect(running).rejects.toThrow('the caller left');
    await expect(model.embed(['text'], 'query', controller.signal)).rejects.toThrow('the caller left');
  });

  it('answers a query before the documents that wait', async () => {
    const controller = new AbortController();
    const texts = Array.from({ length: 2_000 }, (_, at) => `${at} ${'some long text '.repeat(40)}`);
    let finished = false;
    const documents = model.embed(texts, 'document', controller.signal).finally(() => (finished = true));
    const refused = expect(documents).rejects.toThrow();
    await model.embed(['a query'], 'query');
    expect(finished).toBe(false);
    controller.abort();
    await refused;
  });

  it('refuses work past the limit of what may wait, and serves again after', async () => {
    const small = localEmbeddings({ workers: 1 });
    const calls = Array.from({ length: 1_100 }, () => small.embed(['text'], 'query'));
    const outcomes = await Promise.allSettled(calls);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.length).toBe(1_100 - 1_024 - 1);
    for (const { reason } of refused) expect(reason).toMatchObject({ name: 'ModelError', kind: 'rate_limited' });
    await expect(small.embed(['text'], 'query')).resolves.toHaveLength(1);
    await small.close();
  });

  it('rejects what is not done when it is closed', async () => {
    const closing = localEmbeddings({ workers: 1 });
    const calls = [closing.embed(['one'], 'query'), closing.embed(['two'], 'document')];
    const outcomes = Promise.allSettled(calls);
    await closing.close();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
    await expect(closing.embed(['three'], 'query')).rejects.toThrow(ModelError);
  });

  it('starts a new worker after an idle one ended', async () => {
    const idle = localEmbeddings({ workers: 1, idleMilliseconds: 1 });
    for (let round = 0; round < 3; round += 1) {
      expect(await idle.embed(['text'], 'query')).toHaveLength(1);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await idle.close();
  });

  it('lets the process end by itself, but not before the vectors are there', async () => {
    const compiled = join(__dirname, '..', '..', 'dist', 'src', 'adapters', 'localEmbeddings.js');
    const script = `require(${JSON.stringify(compiled)}).localEmbeddings().embed(['text'], 'query').then((v) => console.log(v[0].length))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, output }).toEqual({ code: 0, output: '512\n' });
  });
});
