/** `tool_resources` as asked for, and as an object keeps them. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { StoredToolResources, ToolResources } from '../wire/assistants';
import type { AssistantsPorts } from './ports';

/** Throws 404 for the first file or vector store that is not there. */
export async function checkToolResources(
  { files, vectorStores }: Pick<AssistantsPorts, 'files' | 'vectorStores'>,
  scope: Scope,
  asked: ToolResources | null | undefined,
): Promise<void> {
  const fileIds = asked?.code_interpreter?.file_ids ?? [];
  const missing = await files.firstMissing(scope, fileIds);
  if (missing !== undefined) throw errors.noFile(missing, 'tool_resources.code_interpreter.file_ids');
  const storeIds = asked?.file_search?.vector_store_ids ?? [];
  await vectorStores.check(scope, storeIds, 'tool_resources.file_search.vector_store_ids');
}

/**
 * The resources after a request: those of a tool that it does not name stay, null clears them, and the lists of one that it names are replaced.
 */
export function withToolResources(
  stored: StoredToolResources,
  asked: ToolResources | null | undefined,
): StoredToolResources {
  if (asked === undefined) return stored;
  const { code_interpreter: code, file_search: search } = asked ?? { code_interpreter: null, file_search: null };
  const kept = {
    code_interpreter: code === undefined ? stored.code_interpreter : (code ?? undefined),
    file_search:
      search === undefined
        ? stored.file_search
        : search
          ? { vector_store_ids: search.vector_store_ids ?? [] }
          : undefined,
  };
  return {
    ...(kept.code_interpreter && { code_interpreter: kept.code_interpreter }),
    ...(kept.file_search && { file_search: kept.file_search }),
  };
}
