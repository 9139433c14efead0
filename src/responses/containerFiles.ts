/** Which files the code of a container wrote; their contents are files like others. */
import type { WrittenFile } from '../agentLoop/toolOutputs';
import { errors } from '../errors';
import type { Scope } from '../scope';
import { orderKey, partitionOf } from '../storage/keys';
import { pageOf } from '../storage/pages';
import type { PageRequest } from '../storage/ports';
import type { ResponsesPorts } from './ports';

const LIST = 'files';

/** A file as it lies in its container. */
export interface ContainerFile {
  id: string;
  /** Absolute, below `/mnt/data`. */
  path: string;
}

type Ports = Pick<ResponsesPorts, 'records' | 'now'>;

const partitionFor = (scope: Scope, container: string): string => partitionOf(scope, 'containers', container);

/** Notes the files of one piece of code, of which there are few. */
export async function noteContainerFiles(
  { records, now }: Ports,
  scope: Scope,
  container: string,
  written: WrittenFile[],
): Promise<void> {
  if (written.length === 0) return;
  await records.write(
    partitionFor(scope, container),
    written.map(({ fileId: id, path }) => {
      const value: ContainerFile = { id, path };
      return { op: 'create', list: LIST, id, order: orderKey(now()), value };
    }),
  );
}

/** Throws 404 for a file that no code of the container wrote. */
export async function containerFile(
  { records }: Pick<Ports, 'records'>,
  scope: Scope,
  container: string,
  id: string,
): Promise<ContainerFile> {
  const found = await records.get<ContainerFile>({ partition: partitionFor(scope, container), list: LIST, id });
  if (!found) throw errors.noContainerFile(id);
  return found.value;
}

/** The files of a container; none for one that there is not. Throws 400 for a cursor that is none of them. */
export const containerFiles = async (
  { records }: Pick<Ports, 'records'>,
  scope: Scope,
  container: string,
  page: PageRequest,
): Promise<{ data: ContainerFile[]; hasMore: boolean }> => pageOf(records, partitionFor(scope, container), LIST, page);
