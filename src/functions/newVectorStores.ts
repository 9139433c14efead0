/** Makes the vector stores that a request describes in its tool resources. */
import { services } from '../app';
import type { Call } from '../http/operation';
import type { NewToolResources, ToolResources } from '../wire/assistants';
import { THREAD_STORE_EXPIRY } from '../tools/attachable';
import type { BeginIngestion } from '../assistants/ports';
import type { CreateVectorStoreRequest } from '../wire/vectorStores';
import { startFileBatch } from './ingestion';

/** Begins ingestion jobs from the call's invocation. */
export const beginIngestion =
  ({ invocation }: Call): BeginIngestion =>
  async (job) =>
    startFileBatch(invocation, job);

/**
 * Calls `work` with the tool resources in which each described store has been made, its ingestion begun, and its id put in place of the description. Throws 404
 * for a file that is not there; when `work` fails the stores are removed again.
 */
export async function withVectorStores<T>(
  call: Call,
  asked: NewToolResources | null | undefined,
  work: (resources: ToolResources | null | undefined) => Promise<T>,
  settings: Pick<CreateVectorStoreRequest, 'expires_after'> = {},
): Promise<T> {
  const { scope } = call;
  const described = asked?.file_search?.vector_stores;
  if (!described) return work(asked);
  const { vectorStores } = (await services()).retrieval;
  const ids: string[] = [];
  try {
    for (const store of described) {
      const chunking_strategy = store.file_ids?.length ? store.chunking_strategy : undefined;
      const { store: made, job } = await vectorStores.create(scope, { ...settings, ...store, chunking_strategy });
      ids.push(made.id);
      if (job) await beginIngestion(call)(job);
    }
    return await work({ ...asked, file_search: { vector_store_ids: ids } });
  } catch (error) {
    for (const id of ids) await vectorStores.remove(scope, id);
    throw error;
  }
}

/** As {@link withVectorStores} for a thread, whose stores expire seven days after their last use. */
export const withThreadVectorStores: typeof withVectorStores = async (call, asked, work) =>
  withVectorStores(call, asked, work, { expires_after: THREAD_STORE_EXPIRY });
