/** Finds the encoding of a text file and reads it as text, streaming. */
import { createReadStream } from 'node:fs';

const SAMPLE_BYTES = 64 * 1024;

/** Bytes that no text has in an 8-bit encoding; backspace, tab, line ends, form feed and escape do occur. */
const isControl = (byte: number): boolean => byte < 0x20 && !(byte >= 8 && byte <= 13) && byte !== 0x1b;

/** The first bytes of a file, enough to tell what it is. */
export async function readSample(path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of createReadStream(path, { end: SAMPLE_BYTES - 1 })) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** How the file's bytes make text: a Unicode encoding, `8-bit` for one that is yet to be found, or undefined when they are no text. */
export function sniffEncoding(sample: Buffer): 'utf-16le' | 'utf-16be' | '8-bit' | undefined {
  const [first, second] = sample;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (sample.filter(isControl).length <= sample.length / 100) return '8-bit';
  if (!sample.includes(0)) return undefined;
  return isAsciiWithNuls(sample) ? '8-bit' : sniffUtf16(sample);
}

/** ASCII with a NUL here and there, as between the names of a list. Of UTF-16 every second byte would be one, or others would be no ASCII. */
function isAsciiWithNuls(sample: Buffer): boolean {
  const nuls = sample.filter((byte) => byte === 0).length;
  return nuls <= sample.length / 10 && sample.every((byte) => byte === 0 || (byte < 0x7f && !isControl(byte)));
}

/** UTF-16 without a byte order mark: the byte order in which the bytes read as text with ASCII in it. */
function sniffUtf16(sample: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  const whole = sample.subarray(0, sample.length & ~1);
  const ascii = (encoding: 'utf-16le' | 'utf-16be'): number => {
    const text = new TextDecoder(encoding).decode(whole);
    const foreign = text.match(/[\p{Cn}\p{Co}\ufffd]|(?![\t\n\r\f])\p{Cc}/gu)?.length ?? 0;
    return foreign > text.length / 100 ? 0 : (text.match(/[\t\n\r -~]/g)?.length ?? 0);
  };
  const [little, big] = [ascii('utf-16le'), ascii('utf-16be')];
  if (!little && !big) return undefined;
  return little >= big ? 'utf-16le' : 'utf-16be';
}

/** The encoding of a text file as a label of TextDecoder. `declared` is what the text says of itself. */
export async function findEncoding(path: string, sample: Buffer, declared?: string): Promise<string> {
  const sniffed = sniffEncoding(sample);
  if (sniffed && sniffed !== '8-bit') return sniffed;
  const doubtful = await firstInvalidUtf8(path);
  if (!doubtful) return hasJapaneseShifts(sample) ? 'iso-2022-jp' : 'utf-8';
  if (await isMostlyUtf8(path)) return 'utf-8';
  const { analyse } = await import('chardet');
  const guesses = analyse(doubtful);
  const candidates = [
    declared,
    eastAsianEncoding(doubtful, guesses),
    thaiEncoding(doubtful, guesses),
    guesses[0]?.name,
  ];
  return candidates.find((label) => label && canDecode(label)) ?? 'windows-1252';
}

const eastAsian = ['Shift_JIS', 'EUC-JP', 'Big5', 'GB18030', 'EUC-KR'];
/** Below this no guess of the detector's is good. */
const GOOD_CONFIDENCE = 40;

/** The detector knows these by frequent characters, of which short texts have few; bytes that all make East Asian letters tell as well. */
function eastAsianEncoding(bytes: Buffer, guesses: { name: string; confidence: number }[]): string | undefined {
  if ((guesses[0]?.confidence ?? 0) >= GOOD_CONFIDENCE) return undefined;
  return guesses.find(({ name }) => eastAsian.includes(name) && isMostlyEastAsian(bytes, name))?.name;
}

/** The detector takes Thai for pairs of bytes, although they do not all make letters. */
function thaiEncoding(bytes: Buffer, [best]: { name: string }[]): string | undefined {
  const isPaired = best && eastAsian.includes(best.name) && decodeStrictly(bytes, best.name) === undefined;
  return isPaired && decodeStrictly(bytes, 'windows-874') !== undefined ? 'windows-874' : undefined;
}

/** Whether ASCII shifts to Japanese and back, as in mails. */
const hasJapaneseShifts = (sample: Buffer): boolean => sample.includes('\x1b$B') || sample.includes('\x1b$@');

function isMostlyEastAsian(bytes: Buffer, encoding: string): boolean {
  const text = decodeStrictly(bytes, encoding) ?? '';
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const foreign = text.match(/[\p{Script=Han}\p{Script=Hangul}\u3041-\u30ff]/gu)?.length ?? 0;
  return foreign > letters / 2;
}

/** The part of the file where it stops being UTF-8, or undefined if it is UTF-8 throughout. */
async function firstInvalidUtf8(path: string): Promise<Buffer | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let last: Buffer | undefined;
  for await (const part of createReadStream(path)) {
    if (decodeStrictly(part as Buffer, decoder) === undefined) return part as Buffer;
    last = part as Buffer;
  }
  const endsWhole = decodeStrictly(Buffer.alloc(0), decoder, false) !== undefined;
  return endsWhole ? undefined : last;
}

/** Whether mistakes are few beside the letters that are right: another encoding makes hardly any that are right as UTF-8. */
async function isMostlyUtf8(path: string): Promise<boolean> {
  let right = 0;
  let wrong = 0;
  for await (const text of decodeFile(path, 'utf-8')) {
    wrong += text.match(/\ufffd/g)?.length ?? 0;
    right += text.match(/[^\x00-\x7f\ufffd]/gu)?.length ?? 0;
  }
  return right > wrong * 10;
}

/** The text, or undefined if some bytes are not valid; a character cut off at the end is, if `stream`. */
function decodeStrictly(
  bytes: Buffer,
  encoding: string | InstanceType<typeof TextDecoder>,
  stream = true,
): string | undefined {
  const decoder = typeof encoding === 'string' ? new TextDecoder(encoding, { fatal: true }) : encoding;
  try {
    return decoder.decode(bytes, { stream });
  } catch (error) {
    if (error instanceof TypeError) return undefined; // TextDecoder's way to say that the bytes are not valid.
    throw error;
  }
}

/** Whether the label names an encoding that bytes which are no UTF-16 may have. */
function canDecode(label: string): boolean {
  try {
    return !new TextDecoder(label).encoding.startsWith('utf-16');
  } catch {
    return false; // TextDecoder has no other way to say that it does not know an encoding.
  }
}

/** The file's text, piece by piece. Bytes that are no text in the encoding become U+FFFD. */
export async function* decodeFile(path: string, encoding: string): AsyncGenerator<string> {
  yield* decodeStream(createReadStream(path), encoding);
}

/** The stream's text, piece by piece, without a byte order mark. */
export async function* decodeStream(stream: AsyncIterable<Uint8Array>, encoding: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding);
  for await (const part of stream) yield decoder.decode(part, { stream: true });
  yield decoder.decode();
}
