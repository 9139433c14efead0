/** Makes the vector stores that a request describes in its tool resources. */
import { services } from '../app';
import type { Call } from '../http/operation';
import type { NewToolResources, ToolResources } from '../wire/assistants';
import { startFileBatch } from './ingestion';

/** The tool resources with each described store made, its ingestion begun, and its id in place of the description. Throws 404 for a file that is not there. */
export async function withVectorStores(
  { scope, invocation }: Call,
  asked: NewToolResources | null | undefined,
): Promise<ToolResources | null | undefined> {
  const described = asked?.file_search?.vector_stores;
  if (!described) return asked;
  const { vectorStores } = (await services()).retrieval;
  const ids: string[] = [];
  for (const store of described) {
    const chunking_strategy = store.file_ids?.length ? store.chunking_strategy : undefined;
    const { store: made, job } = await vectorStores.create(scope, { ...store, chunking_strategy });
    if (job) await startFileBatch(invocation, job);
    ids.push(made.id);
  }
  return { ...asked, file_search: { vector_store_ids: ids } };
}
