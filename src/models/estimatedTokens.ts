/** About how many tokens a call takes, as limits count it before the answer tells. */
import { LOW_DETAIL, PER_IMAGE } from './promptTokens';

const BYTES_PER_TOKEN = 4;
/** Of sounds in base64, for small files of many seconds: services count about ten tokens a second. */
const CHARACTERS_PER_SOUND_TOKEN = 500;
/** Of documents in base64: a page of about 50 KB is read as text and as a picture. */
const CHARACTERS_PER_DOCUMENT_TOKEN = 40;

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

interface Attached {
  /** Of the body. */
  characters: number;
  tokens: number;
}

/**
 * The prompt's tokens and the most that the answer may have. A token of text is four bytes of the body; pictures, sounds and documents are counted for what they are, however
 * many bytes of base64 they take.
 *
 * @param bytes Length of the body.
 */
export function estimatedTokens(bytes: number, body: object): number {
  const attached: Attached = { characters: 0, tokens: 0 };
  collect(body, attached);
  const text = Math.max(0, bytes - attached.characters);
  return Math.ceil(text / BYTES_PER_TOKEN + attached.tokens) + mostTokens(body);
}

function collect(value: unknown, attached: Attached): void {
  if (Array.isArray(value)) {
    for (const member of value) if (isObject(member)) collect(member, attached);
    return;
  }
  if (!isObject(value)) return;
  const add = (text: unknown, tokens: (characters: number) => number): boolean => {
    if (typeof text !== 'string') return false;
    attached.characters += text.length;
    attached.tokens += tokens(text.length);
    return true;
  };
  for (const [name, member] of Object.entries(value)) {
    if (name === 'image_url') {
      const { url, detail } = isObject(member) ? member : { url: member, detail: value.detail };
      if (add(url, () => (detail === 'low' ? LOW_DETAIL : PER_IMAGE))) continue;
    }
    const isSound = name === 'input_audio' && isObject(member);
    if (isSound && add(member.data, (characters) => characters / CHARACTERS_PER_SOUND_TOKEN)) continue;
    if (name === 'file_data' && add(member, (characters) => characters / CHARACTERS_PER_DOCUMENT_TOKEN)) continue;
    if (isObject(member)) collect(member, attached);
  }
}

/** Of the answers; services write as many as `n` or `best_of` asks for. */
function mostTokens(body: object): number {
  const { max_tokens, max_completion_tokens, max_output_tokens, n, best_of } = body as Json;
  const most = max_completion_tokens ?? max_output_tokens ?? max_tokens;
  const answers = [n, best_of].map((count) => (typeof count === 'number' ? count : 1));
  return typeof most === 'number' && most > 0 ? most * Math.max(1, ...answers) : 0;
}
