/** Calls that an upstream's Responses answer: what goes there of them, and those about one object of the caller's own. */
import { z } from 'zod';
import { errors } from '../errors';
import type { Call } from '../http/operation';
import { hasRepeatedMembers } from '../http/repeatedMembers';
import type { GatewayAnswer } from '../models/gateway';
import { forward } from './modelCall';
import { bytesOf, withBytes } from './notedAnswer';
import { jsonOf } from './readAnswers';

export type See = (answer: GatewayAnswer) => Promise<GatewayAnswer>;

interface ObjectCall {
  /** The one that has the object. */
  backend: string;
  /** Its address there. */
  operation: string;
  method: 'GET' | 'POST' | 'DELETE';
  /** The body as it goes on. */
  bytes?: Uint8Array;
  /** As of {@link forward}. */
  errorEvent?: Parameters<typeof forward>[1]['errorEvent'];
  see?: See;
}

/** Sends a call about an object of the caller's own to the upstream that has it. */
export async function passToOwner(
  call: Call,
  { backend, operation, method, bytes, errorEvent, see = async (answer) => answer }: ObjectCall,
): Promise<Response> {
  const query = queryOf(call.request);
  return forward(call, {
    operation,
    method,
    model: '',
    query,
    ...(bytes && { body: { kind: 'json', bytes } }),
    backend,
    repeats: method === 'GET',
    // Only what has events of its own is ever streamed.
    streamed: errorEvent !== undefined && query?.get('stream') === 'true',
    errorEvent,
    // The tokens that it tells of were counted when they were used.
    see: async (answer) => see({ ...answer, settleUsage: () => undefined }),
  });
}

/** Of a deletion: what the upstream no longer has, is forgotten here as well. */
export const forgetting =
  (forget: () => Promise<void>): See =>
  async (answer) => {
    if (answer.status < 300 || answer.status === 404) await forget();
    return answer;
  };

/** The body as it came; where it names members twice, as it was read and checked here. */
export const checkedBytes = ({ bytes, body }: Pick<Call, 'bytes' | 'body'>): Uint8Array =>
  hasRepeatedMembers(bytes, body) ? Buffer.from(JSON.stringify(body)) : bytes;

/** What callers may ask of the upstream in the query. */
const QUERY = /^(?:include|include\[\]|stream|starting_after|include_obfuscation|limit|order|after|before)$/;

/** The query as it goes on; undefined for none. */
function queryOf(request: Request): URLSearchParams | undefined {
  const passed = [...new URL(request.url).searchParams]
    // `@azure/ai-agents` encodes brackets twice.
    .map(([name, value]): [string, string] => [name.replace(/%5b%5d$/i, '[]'), value])
    .filter(([name]) => QUERY.test(name));
  return passed.length > 0 ? new URLSearchParams(passed) : undefined;
}

/** A refusal with a code of its own, which is not that of an unknown address. */
const refusalWithCode = z.object({
  error: z.object({ code: z.string().refine((code) => !/^(?:404|unknown_url|resource_?not_?found)$/i.test(code)) }),
});

/** The refusal, unless it is that of a service without the family. Throws 400 for that. `backend`: is known to have it. */
export async function unlessLacking(
  answer: GatewayAnswer,
  what: string,
  backend: string | undefined,
): Promise<GatewayAnswer> {
  const { status, setting } = answer;
  if (backend !== undefined || ![404, 405, 501].includes(status)) return answer;
  const bytes = await bytesOf(answer);
  if (status === 404 && refusalWithCode.safeParse(jsonOf(bytes)).success) return withBytes(answer, bytes);
  throw errors.upstreamLacks(what, setting);
}
