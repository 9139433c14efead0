/** What code finds in its container. */
import type { Readable } from 'node:stream';
import type { PlacedFile, PlacedFiles } from '../agentLoop/ports';
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { StoredRecord } from '../storage/ports';
import { contentOf } from './containerFiles';
import { FILES, filesPartition, REMOVED, type ContainerFile, type RemovedFile } from './containerRecords';
import type { ResponsesPorts } from './ports';

/** Of a container's newest files and removals, those that are looked at. */
const MAX_READ = 500;
/** Files that code wrote, put into a session that begins anew. */
const MAX_RESTORED = 40;

type Ports = Pick<ResponsesPorts, 'records' | 'blobs' | 'files'>;

/** What code finds in the container: callers' files, and what earlier code wrote, as it was last. */
export async function placedFiles(
  { records, blobs, files }: Ports,
  scope: Scope,
  container: string,
): Promise<PlacedFiles> {
  const partition = filesPartition(scope, container);
  const page = { order: 'desc' as const, limit: MAX_READ };
  const [{ records: newest }, removals] = await Promise.all([
    records.list<ContainerFile>(partition, FILES, page),
    records.list<RemovedFile>(partition, REMOVED, page),
  ]);
  const kept = lastOfEachPath(newest, removals.records);
  const added: PlacedFile[] = kept.flatMap(({ id, path, added }) =>
    added
      ? [{ id, path, bytes: added.bytes, isWritten: false, open: async () => contentOf({ blobs }, added.blob, id) }]
      : [],
  );
  const written = kept.filter((file) => !file.added).slice(0, MAX_RESTORED);
  const described = await files.describe(
    scope,
    written.map(({ id }) => id),
  );
  const restored: PlacedFile[] = written.flatMap(({ id, path }) => {
    const bytes = described.get(id)?.bytes;
    const open = async (): Promise<Readable> => {
      const opened = await files.open(scope, id);
      if (!opened) throw errors.noContainerFile(id);
      return opened.content;
    };
    return bytes === undefined ? [] : [{ id, path, bytes, isWritten: true, open }];
  });
  return {
    files: [...added, ...restored],
    removed: removals.records.map(({ id, value }) => ({ ...value, id })).reverse(),
  };
}

/** Of files and removals, newest first, what lies at each path now. */
function lastOfEachPath(newest: StoredRecord<ContainerFile>[], removals: StoredRecord<RemovedFile>[]): ContainerFile[] {
  const removedAt = new Map(removals.map(({ order, value }) => [value.path, order] as const).reverse());
  const paths = new Set<string>();
  const kept: ContainerFile[] = [];
  for (const { order, value } of newest) {
    const { path } = value;
    // A caller's file is there until it is itself deleted; of what code wrote, what its path held last.
    if (paths.has(path) || (!value.added && order < (removedAt.get(path) ?? ''))) continue;
    paths.add(path);
    kept.push(value);
  }
  // Where code made a folder of what had been a file, only the file goes back.
  const isBelowFile = (path: string): boolean => {
    const segments = path.split('/');
    return segments.some((_, end) => end > 0 && end < segments.length && paths.has(segments.slice(0, end).join('/')));
  };
  return kept.filter(({ path }) => !isBelowFile(path));
}
