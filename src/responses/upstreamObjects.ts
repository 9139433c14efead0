/** Whose the objects of an upstream's Responses are, and which upstream has them: it knows its account alone, and tenants must not meet each other's. */
import type { Scope } from '../scope';
import { orderKey, partitionOf } from '../storage/keys';
import { ConflictError, type RecordKey, type Records } from '../storage/ports';

/** `containers`: those in which an upstream runs code, with the files that it left there. */
export type UpstreamKind = 'responses' | 'conversations' | 'items' | 'containers';

interface UpstreamObject {
  /** Name of the backend. */
  backend: string;
}

const LIST = 'objects';
/** Keys of records are no longer; no service gives longer ids. */
const isId = (id: string): boolean => /^[\x21-\x7e]{1,512}$/.test(id);

/** The objects that were made for callers of a scope, by the upstream's ids. */
export function createUpstreamObjects({ records, now }: { records: Records; now: () => number }) {
  const keyOf = (scope: Scope, kind: UpstreamKind, id: string): RecordKey => ({
    partition: partitionOf(scope, 'upstream', kind),
    list: LIST,
    id,
  });

  /** The backend that has it; undefined for an id that is none of the scope's. */
  async function backendOf(scope: Scope, kind: UpstreamKind, id: string): Promise<string | undefined> {
    return isId(id) ? (await records.get<UpstreamObject>(keyOf(scope, kind, id)))?.value.backend : undefined;
  }

  /** Notes that the object is the scope's; one that is noted already stays. */
  async function add(scope: Scope, kind: UpstreamKind, id: string, backend: string): Promise<void> {
    if (!isId(id) || (await backendOf(scope, kind, id)) !== undefined) return;
    const { partition, list } = keyOf(scope, kind, id);
    const value: UpstreamObject = { backend };
    await records
      .write(partition, [{ op: 'create', list, id, order: orderKey(now()), value }])
      .catch((error: unknown) => {
        // Another call was told of it at the same time.
        if (!(error instanceof ConflictError)) throw error;
      });
  }

  async function remove(scope: Scope, kind: UpstreamKind, id: string): Promise<void> {
    const { partition, list } = keyOf(scope, kind, id);
    await records.write(partition, [{ op: 'delete', list, id }]);
  }

  return { backendOf, add, remove };
}
