import { estimatedTokens } from '../../src/models/estimatedTokens';

const base64 = (bytes: number): string => Buffer.alloc(bytes, 7).toString('base64');
const estimate = (body: object): number => estimatedTokens(JSON.stringify(body).length, body);
const message = (...content: object[]): object => ({ model: 'm', messages: [{ role: 'user', content }] });
const data = `data:image/png;base64,${base64(900_000)}`;

describe('The tokens that a call is counted for', () => {
  it('are a quarter of the bytes, and the most that each answer may have', () => {
    const body = { prompt: 'word '.repeat(800) };
    expect(estimate(body)).toBe(1_004);
    expect(estimate({ ...body, max_tokens: 100, n: 3 })).toBeGreaterThanOrEqual(1_304);
    expect(estimate({ ...body, max_tokens: 100, n: 2, best_of: 5 })).toBeGreaterThanOrEqual(1_504);
    expect(estimate({ ...body, max_tokens: 9, max_completion_tokens: 50 })).toBeLessThan(1_080);
  });

  it.each([
    ['within a chat', message({ type: 'image_url', image_url: { url: data } })],
    ['by its address', message({ type: 'image_url', image_url: { url: 'https://example.com/a.png' } })],
    ['within a response', { model: 'm', input: [{ content: [{ type: 'input_image', image_url: data }] }] }],
    ['to be edited', { model: 'm', prompt: 'p', images: [{ image_url: data }] }],
  ])('are those of a picture, not of its bytes: %s', (_where, body) => {
    expect(estimate(body)).toBeGreaterThan(1_105);
    expect(estimate(body)).toBeLessThan(1_150);
  });

  it('are few for a picture in low detail', () => {
    expect(estimate(message({ type: 'image_url', image_url: { url: data, detail: 'low' } }))).toBeLessThan(150);
  });

  it('grow with the length of sounds and documents, but less than with that of text', () => {
    const sound = (bytes: number) =>
      message({ type: 'input_audio', input_audio: { data: base64(bytes), format: 'wav' } });
    const document = (bytes: number) =>
      message({ type: 'file', file: { file_data: base64(bytes), filename: 'a.pdf' } });
    for (const part of [sound, document]) {
      expect(estimate(part(3_000_000))).toBeLessThan(4_000_000 / 30);
      expect(estimate(part(3_000_000))).toBeGreaterThan(2 * estimate(part(1_000_000)));
    }
  });

  it('are those of the text where it only has the names of such parts', () => {
    const schema = { properties: { image_url: { type: 'string' }, input_audio: {}, file_data: { enum: ['x'] } } };
    const body = { messages: [], tools: [{ function: { parameters: schema } }] };
    expect(estimate(body)).toBe(Math.ceil(JSON.stringify(body).length / 4));
  });
});
