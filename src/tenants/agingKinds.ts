/** What retention removes, by the collections of partitions. */
import { removeUnusedChannelConversation } from '../activities/retention';
import { removeUnusedThread } from '../assistants/threadRetention';
import type { Threads } from '../assistants/threads';
import type { Conversations } from '../responses/conversations';
import {
  removeUnlistedContainer,
  removeUnusedChain,
  removeUnusedContainers,
  removeUnusedConversation,
} from '../responses/retention';
import { removeUnusedFiles, removeUnusedStore } from '../retrieval/retention';
import type { Retrieval } from '../retrieval/retrieval';
import type { Scope } from '../scope';
import type { Blobs, Records } from '../storage/ports';
import { AUDIT, removeOldAudit } from './auditLog';
import type { RemoveUnused } from './retention';

/** Objects with a partition of their own are looked at one by one, the files of a scope some at a time. Uploads are forgotten by themselves, after a day. */
export function agingKinds({
  records,
  blobs,
  threads,
  retrieval,
  conversations,
}: {
  records: Records;
  blobs: Blobs;
  threads: Threads;
  retrieval: Retrieval;
  conversations: Conversations;
}): ReadonlyMap<string, RemoveUnused> {
  const ofObject =
    (remove: (scope: Scope, id: string, before: number) => Promise<void>): RemoveUnused =>
    async ({ scope, id, before }) => {
      if (id !== undefined) await remove(scope, id, before);
      return undefined;
    };
  return new Map<string, RemoveUnused>([
    ['threads', ofObject((scope, id, before) => removeUnusedThread(records, threads, scope, id, before))],
    ['vector_stores', ofObject((scope, id, before) => removeUnusedStore({ records }, retrieval, scope, id, before))],
    ['files', async ({ scope, before, after }) => removeUnusedFiles({ records }, retrieval, scope, before, after)],
    ['responses', ofObject((scope, id, before) => removeUnusedChain({ records, blobs }, scope, id, before))],
    [
      'conversations',
      ofObject((scope, id, before) => removeUnusedConversation(records, conversations, scope, id, before)),
    ],
    [
      'containers',
      async ({ scope, id, before, after }) => {
        if (id === undefined) return removeUnusedContainers({ records, blobs }, scope, before, after);
        await removeUnlistedContainer(records, scope, id, before);
        return undefined;
      },
    ],
    ['activities', ofObject((scope, id, before) => removeUnusedChannelConversation(records, scope, id, before))],
    [AUDIT, ofObject((scope, day, before) => removeOldAudit(records, scope, day, before))],
  ]);
}
