/** What of an upstream's, and what files, a request names. */
import { z } from 'zod';
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

/** Items by reference, containers of calls, in which the upstream may go on, and those of tools that items bring along. */
export function referencesOfItems(items: readonly UpstreamItem[]): Reference[] {
  return items.flatMap((item): Reference[] => {
    const { id, container_id: container } = item;
    const containers = [...(container == null ? [] : [container]), ...containersIn(item)];
    const references = containers.map((each) => containerOf(each, 'input'));
    if (id != null && isReference(item))
      references.push({ kind: 'items', id, missing: () => errors.noItem(id, 'input') });
    return references;
  });
}

/** Whether the upstream looks the item up by its id: a picture that it made goes by that alone. */
const isReference = ({ type, role, result }: UpstreamItem): boolean =>
  type === 'item_reference' || (type == null && role == null) || (type === 'image_generation_call' && !result);

/** Containers in which code or commands are to run. */
export const referencesOfTools = (tools: readonly UpstreamTool[]): Reference[] =>
  tools.flatMap((tool, index) => {
    const param = typeof tool.container === 'string' ? `tools[${index}].container` : `tools[${index}]`;
    return containersIn(tool).map((id) => containerOf(id, param));
  });

/** Ids of the containers of code interpreters and of shells, at any depth: tools may hold tools. */
function containersIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { type, container, environment } = named.parse(value);
  const ids = [...(type === 'code_interpreter' ? [container] : []), environment?.container_id];
  return [...ids.filter((id) => id !== undefined), ...Object.values(value).flatMap(containersIn)];
}

const text = z.string().optional().catch(undefined);
const named = z
  .object({
    type: text,
    container: text,
    environment: z.object({ container_id: text }).optional().catch(undefined),
  })
  .catch({});

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
