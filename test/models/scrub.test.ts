import { createKeyMask } from '../../src/models/scrub';
import { KEY, openAiBackend } from '../support/gateway';

const backend = (apiKey: string | undefined) => openAiBackend({ url: 'http://127.0.0.1/v1' }, { apiKey });
const masked = (text: string, ...keys: (string | undefined)[]) => {
  const bytes = Buffer.from(text);
  createKeyMask(keys.map(backend))(bytes);
  return bytes.toString();
};
const stars = '*'.repeat(KEY.length);

it("every backend's key is written over wherever it stands whole, and nothing else changes", () => {
  const other = 'another-key-é-0123456789';
  const text = `${KEY}${KEY} é ${other}, ${KEY.slice(1)}`;
  expect(masked(text, KEY, other, undefined)).toBe(
    `${stars}${stars} é ${'*'.repeat(other.length + 1)}, ${KEY.slice(1)}`,
  );
});

it('what is too short to be a key stays, since it may be a word of an answer', () => {
  expect(masked('none, ollama and sk-123', 'none', 'ollama', 'sk-123')).toBe('none, ollama and sk-123');
});
