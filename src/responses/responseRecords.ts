/** How responses are stored: one partition a chain, in which each follows the one that it continues. */
import type { WrittenFile } from '../agentLoop/toolOutputs';
import type { Scope } from '../scope';
import { partitionOf } from '../storage/keys';
import type { RecordKey } from '../storage/ports';
import type { ResponseItem } from '../wire/responseItems';
import type { ResponseObject } from '../wire/responses';
import type { ResponseKey } from './responseIds';

/** A place in a conversation, behind the item of that sort key. */
export interface ConversationPoint {
  key: string;
  order: string;
}

/** A response as it is stored. */
export interface StoredResponse {
  /** With everything in its output; what callers see of it depends on their `include`. */
  response: ResponseObject;
  /** Its own input, or the blob that holds it as JSON where it is large. */
  input: ResponseItem[] | { blob: string };
  /** The response that it continues. */
  previous: ResponseKey | null;
  /** Where it was given in a conversation: what was there before it, by the sort key of the last item. */
  conversation?: ConversationPoint;
  /** Files that code wrote, by the id of the call. */
  files: Record<string, WrittenFile[]>;
  /** Whether its events are kept, for a while behind its end as well. */
  streams?: boolean;
}

/** What is left of a response that was deleted: it leads to what came before. */
export interface DeletedResponse {
  deleted: true;
  previous: ResponseKey | null;
  conversation?: ConversationPoint;
}

export type TurnRecord = StoredResponse | DeletedResponse;

/** The newest response of a chain. */
export interface HeadRecord {
  turn: string;
}

export const TURNS = 'turns';
export const HEAD = 'head';

export const chainPartition = (scope: Scope, chain: string): string => partitionOf(scope, 'responses', chain);

export const turnKey = (scope: Scope, { chain, turn }: ResponseKey): RecordKey => ({
  partition: chainPartition(scope, chain),
  list: TURNS,
  id: turn,
});

export const headKey = (scope: Scope, chain: string): RecordKey => ({
  partition: chainPartition(scope, chain),
  list: HEAD,
  id: HEAD,
});

/** Where a large input is kept. */
export const inputBlob = (scope: Scope, { chain, turn }: ResponseKey): string => `${chainBlobs(scope, chain)}/${turn}`;

/** Below which the large inputs of a chain are kept. */
export const chainBlobs = ({ tenant, project }: Scope, chain: string): string =>
  ['responses', tenant, project, chain].map(encodeURIComponent).join('/');
