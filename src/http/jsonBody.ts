/** Reads JSON bodies within the limit. */
import { errors } from '../errors';
import { discard } from './discard';

export interface JsonBody {
  /** As the caller sent them. */
  bytes: Uint8Array;
  value: Record<string, unknown>;
}

/** What walks a value by recursion, such as JSON.stringify, fails on one that is nested without end. */
const MAX_DEPTH = 100;

/** The parsed object; an absent or empty body counts as `{}`. Throws 413, 415, and 400 for broken JSON, deep nesting, or anything that is not an object. */
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
  if (isDeeperThan(MAX_DEPTH, value)) throw errors.bodyTooDeep(MAX_DEPTH);
  return { bytes, value: value as Record<string, unknown> };
}

function isDeeperThan(limit: number, value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
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
