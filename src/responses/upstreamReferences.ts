/** What of an upstream's, and what files, a request names. */
import { errors, type ApiError } from '../errors';
import type { UpstreamItem, UpstreamResponseRequest, UpstreamTool } from '../wire/upstreamResponses';
import type { UpstreamKind } from './upstreamObjects';

/** An object of an upstream that a request names. */
export interface Reference {
  kind: UpstreamKind;
  id: string;
  /** The error where it is none of the caller's. */
  missing: () => ApiError;
}

/** The response and the conversation that the request goes on from. */
export function referencesOfRequest({
  previous_response_id: previous,
  conversation,
}: UpstreamResponseRequest): Reference[] {
  const references: Reference[] = [];
  if (previous != null) {
    const missing = () => errors.previousResponseNotFound(previous);
    references.push({ kind: 'responses', id: previous, missing });
  }
  const id = typeof conversation === 'object' ? conversation?.id : conversation;
  if (id != null) references.push({ kind: 'conversations', id, missing: () => errors.noConversation(id) });
  return references;
}

/** Items by reference, and containers of calls: the upstream may go on in those. */
export function referencesOfItems(items: readonly UpstreamItem[]): Reference[] {
  return items.flatMap(({ type, role, id, container_id: container }): Reference[] => {
    if (container != null) return [containerOf(container, 'input')];
    const isReference = type === 'item_reference' || (type == null && role == null);
    return isReference && id != null ? [{ kind: 'items', id, missing: () => errors.noItem(id, 'input') }] : [];
  });
}

/** Containers in which code is to run. */
export const referencesOfTools = (tools: readonly UpstreamTool[]): Reference[] =>
  tools.flatMap(({ container }, index) =>
    typeof container === 'string' ? [containerOf(container, `tools[${index}].container`)] : [],
  );

const containerOf = (id: string, param: string): Reference => ({
  kind: 'containers',
  id,
  missing: () => errors.invalidParameter(`Container with id '${id.slice(0, 128)}' not found.`, 'invalid_value', param),
});

/** Files in the content of a message, or in the output of a call. */
export function filesOfItem({ content, output }: UpstreamItem): string[] {
  return [content, output].flat().flatMap((part: unknown) => {
    const id = typeof part === 'object' && part !== null && 'file_id' in part ? part.file_id : undefined;
    return typeof id === 'string' ? [id] : [];
  });
}

/** Files that code may read. */
export const filesOfTool = ({ file_ids: older, container }: UpstreamTool): string[] => [
  ...(older ?? []),
  ...((typeof container === 'object' ? container?.file_ids : undefined) ?? []),
];
