/**
 * Responses as records: without the fields that have their usual values. A conversation is read from all its responses, so what each of them weighs counts.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Scope } from '../scope';
import type { Records, StoredRecord } from '../storage/ports';
import type { ResponseObject } from '../wire/responses';
import { responseKeyOf, type ResponseKey } from './responseIds';
import { turnKey, type StoredResponse, type TurnRecord } from './responseRecords';

/** What most responses have in these fields. A value may be added here, never changed: stored responses go by it. */
const USUAL = {
  object: 'response',
  status: 'completed',
  background: false,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  parallel_tool_calls: true,
  previous_response_id: null,
  conversation: null,
  prompt: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  prompt_cache_key: null,
  service_tier: 'auto',
  store: true,
  temperature: 1,
  top_p: 1,
  top_logprobs: 0,
  text: { format: { type: 'text' }, verbosity: 'medium' },
  tool_choice: 'auto',
  tools: [],
  truncation: 'disabled',
  user: null,
  metadata: {},
} as const satisfies Partial<ResponseObject>;

/** The response as its record holds it. */
export function packed(stored: StoredResponse): object {
  const usual: Record<string, unknown> = USUAL;
  const unusual = Object.entries(stored.response).filter(
    ([field, value]) => !(field in usual && isDeepStrictEqual(value, usual[field])),
  );
  return { ...stored, response: Object.fromEntries(unusual) };
}

/** The response whose record it is, or what is left of it; undefined if there never was one. */
export async function readTurn(
  records: Pick<Records, 'get'>,
  scope: Scope,
  key: ResponseKey,
): Promise<StoredRecord<TurnRecord> | undefined> {
  const found = await records.get<TurnRecord>(turnKey(scope, key));
  if (!found || 'deleted' in found.value) return found;
  const { value } = found;
  return { ...found, value: { ...value, response: { ...USUAL, ...value.response } } };
}

/** The response of that id; undefined where there is none, or none any more. */
export async function findResponse(
  records: Pick<Records, 'get'>,
  scope: Scope,
  id: string,
): Promise<{ key: ResponseKey; order: string; stored: StoredResponse } | undefined> {
  const key = responseKeyOf(id);
  if (!key) return undefined;
  const found = await readTurn(records, scope, key);
  return found && !('deleted' in found.value) ? { key, order: found.order, stored: found.value } : undefined;
}
