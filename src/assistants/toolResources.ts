/** `tool_resources` as asked for, and as an object keeps them. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { NewToolResources, StoredToolResources } from '../wire/assistants';
import type { AttachableVectorStores } from './ports';

/**
 * Checks the named vector stores and makes the described ones. Throws 404 for a store that is not there, and 400 for files for
 * code_interpreter, which this version lacks.
 */
export async function resolveToolResources(
  vectorStores: AttachableVectorStores,
  scope: Scope,
  asked: NewToolResources | null | undefined,
): Promise<StoredToolResources> {
  if (asked?.code_interpreter?.file_ids.length) throw errors.unsupported('tool_resources.code_interpreter');
  const resources: StoredToolResources = {};
  if (asked?.code_interpreter) resources.code_interpreter = { file_ids: [] };
  if (!asked?.file_search) return resources;
  const { vector_store_ids: ids = [], vector_stores: described = [] } = asked.file_search;
  await vectorStores.check(scope, ids);
  const made = await Promise.all(described.map(async (store) => await vectorStores.create(scope, store)));
  resources.file_search = { vector_store_ids: [...ids, ...made] };
  return resources;
}
