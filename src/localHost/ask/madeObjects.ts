/** What was made on the host for a question, to be removed when it is answered. */
import { APIConnectionError, NotFoundError, type OpenAI } from 'openai';
import { forEachConcurrently } from './concurrency';

const CONCURRENT_REMOVALS = 4;

export class MadeObjects {
  threadId: string | undefined;
  assistantId: string | undefined;
  vectorStoreId: string | undefined;
  readonly fileIds: string[] = [];

  /** Removes everything; what the host refused to remove, in words. Throws the SDK's APIConnectionError when it does not answer. */
  async remove(client: OpenAI): Promise<string[]> {
    const { threadId, assistantId, vectorStoreId } = this;
    const { beta, vectorStores, files } = client;
    const failures: string[] = [];
    const removal = async (id: string, remove: () => Promise<unknown>): Promise<void> => {
      try {
        await remove();
      } catch (error) {
        if (error instanceof NotFoundError) return;
        if (error instanceof APIConnectionError) throw error;
        failures.push(`${id}: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    if (threadId) await removal(threadId, async () => beta.threads.delete(threadId));
    if (assistantId) await removal(assistantId, async () => beta.assistants.delete(assistantId));
    if (vectorStoreId) await removal(vectorStoreId, async () => vectorStores.delete(vectorStoreId));
    await forEachConcurrently(this.fileIds, CONCURRENT_REMOVALS, (id) => removal(id, async () => files.delete(id)));
    return failures;
  }

  /** The ids of vector store, assistant and thread, for the user who keeps them. */
  summary(): string {
    const made = { 'vector store': this.vectorStoreId, assistant: this.assistantId, thread: this.threadId };
    const named = Object.entries(made).flatMap(([kind, id]) => (id ? [`${kind} ${id}`] : []));
    return [...named, `${this.fileIds.length} files`].join(', ');
  }
}
