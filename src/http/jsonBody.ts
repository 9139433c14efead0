/** Reads JSON bodies within the limits. */
import { errors } from '../errors';
import { bodyBudget } from './bodyBudget';
import { discard } from './discard';
import { limitPassed } from './jsonShape';

export interface JsonBody {
  /** As the caller sent them. */
  bytes: Uint8Array;
  value: Record<string, unknown>;
}

/** What walks a value by recursion, such as JSON.stringify, fails on one that is nested without end. */
const MAX_DEPTH = 100;
/** As many take the parser and the schemas at most about 0.2 s, in which nobody else is served. */
const MAX_VALUES = 1_000_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The parsed object; an absent or empty body counts as `{}`. Its bytes count in the process's budget until the request's are released. Throws 413, 415, 503, and 400 for broken
 * JSON, deep nesting, too many values, or anything that is not an object.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<JsonBody> {
  const bytes = await readBody(request, maxBytes);
  if (bytes.length === 0) return { bytes, value: {} };
  const contentType = request.headers.get('content-type') ?? 'none';
  if (!/^application\/(?:[\w.+-]*\+)?json\b/i.test(contentType))
    throw errors.wrongContentType(contentType, 'application/json');
  const passed = limitPassed(bytes, { depth: MAX_DEPTH, values: MAX_VALUES });
  if (passed) throw passed === 'depth' ? errors.bodyTooDeep(MAX_DEPTH) : errors.bodyOfTooManyValues(MAX_VALUES);
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
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
    try {
      if (length > maxBytes) throw errors.bodyTooLarge(maxBytes);
      bodyBudget.hold(request, next.value.length);
    } catch (error) {
      void discard(reader);
      throw error;
    }
    chunks.push(next.value);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}
