/** Makes the vector stores that a request describes in its tool resources. */
import { services } from '../app';
import type { Call } from '../http/operation';
import type { NewToolResources, ToolResources } from '../wire/assistants';
import { startFileBatch } from './ingestion';

/**
 * Calls `work` with the tool resources in which each described store has been made, its ingestion begun, and its id put in place of the description. Throws 404
 * for a file that is not there; when `work` fails the stores are removed again.
 */
export async function withVectorStores<T>(
  { scope, invocation }: Call,
  asked: NewToolResources | null | undefined,
  work: (resources: ToolResources | null | undefined) => Promise<T>,
): Promise<T> {
  const described = asked?.file_search?.vector_stores;
  if (!described) return work(asked);
  const { vectorStores } = (await services()).retrieval;
  const ids: string[] = [];
  try {
    for (const store of described) {
      const chunking_strategy = store.file_ids?.length ? store.chunking_strategy : undefined;
      const { store: made, job } = await vectorStores.create(scope, { ...store, chunking_strategy });
      ids.push(made.id);
      if (job) await startFileBatch(invocation, job);
    }
    return await work({ ...asked, file_search: { vector_store_ids: ids } });
  } catch (error) {
    for (const id of ids) await vectorStores.remove(scope, id);
    throw error;
  }
}
