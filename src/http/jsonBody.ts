/** Reads JSON bodies within the limit. */
import { errors } from '../errors';
import { discard } from './discard';

export interface JsonBody {
  /** As the caller sent them. */
  bytes: Uint8Array;
  value: Record<string, unknown>;
}

/** The parsed object; an absent or empty body counts as `{}`. Throws 413, 415, and 400 for broken JSON or anything that is not an object. */
export async function readJsonBody(request: Request, maxBytes: number): Promise<JsonBody> {
  const bytes = await readBody(request, maxBytes);
  if (bytes.length === 0) return { bytes, value: {} };
  const contentType = request.headers.get('content-type') ?? 'none';
  if (!/^application\/(?:[\w.+-]*\+)?json\b/i.test(contentType))
    throw errors.wrongContentType(contentType, 'application/json');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw errors.brokenJson(error instanceof Error ? error.message.slice(0, 200) : 'not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw errors.bodyNotObject();
  return { bytes, value: value as Record<string, unknown> };
}

async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw errors.bodyTooLarge(maxBytes);
  if (!request.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > maxBytes) {
      void discard(reader);
      throw errors.bodyTooLarge(maxBytes);
    }
    chunks.push(next.value);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}
