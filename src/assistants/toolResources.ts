/** `tool_resources` as asked for, and as an object keeps them. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { ToolResources, StoredToolResources } from '../wire/assistants';
import type { AttachableVectorStores } from './ports';

/**
 * Checks the named vector stores. Throws 404 for a store that is not there, and 400 for files for code_interpreter, which this
 * version lacks.
 */
export async function resolveToolResources(
  vectorStores: AttachableVectorStores,
  scope: Scope,
  asked: ToolResources | null | undefined,
): Promise<StoredToolResources> {
  if (asked?.code_interpreter?.file_ids.length) throw errors.unsupported('tool_resources.code_interpreter');
  const resources: StoredToolResources = {};
  if (asked?.code_interpreter) resources.code_interpreter = { file_ids: [] };
  if (!asked?.file_search) return resources;
  const ids = asked.file_search.vector_store_ids ?? [];
  await vectorStores.check(scope, ids);
  resources.file_search = { vector_store_ids: ids };
  return resources;
}
