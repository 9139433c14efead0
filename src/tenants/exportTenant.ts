/** Writes everything of a tenant into a folder: records as JSON lines, a file for each collection, and the contents of its files. */
import { createWriteStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ApiKeys } from '../identity/apiKeys';
import type { Blobs, Records } from '../storage/ports';
import { listsOf, tenantPartitions, type TenantPartition } from './tenantPartitions';

/** Records of 2 MB at most that are in memory at once. */
const PAGE = 20;
/** How often the progress is noted, in milliseconds. */
const NOTE_MS = 1_000;
const PROGRESS = 'export.json';

/** The folder holds something else, or an export that is complete. The message is one line. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
}

/** What the folder holds. */
export interface TenantExport {
  tenant: string;
  /** The last partition that is in it. */
  after: string | null;
  /** Bytes of each file that belong to the partitions up to there. */
  bytes: Record<string, number>;
  records: number;
  files: number;
  is_complete: boolean;
}

export interface ExportTenantPorts {
  records: Records;
  blobs: Blobs;
  apiKeys: Pick<ApiKeys, 'list'>;
  /** Name of the blob with the content of a file. */
  fileBlob: (project: string, fileId: string) => string;
}

/**
 * Exports the tenant to the folder. One that was stopped goes on behind the last partition that it noted. Memory stays bounded. Throws {@link ExportError}.
 */
export async function exportTenant(ports: ExportTenantPorts, tenant: string, folder: string): Promise<TenantExport> {
  const { records, apiKeys } = ports;
  await mkdir(folder, { recursive: true });
  const progress = await readProgress(folder, tenant);
  const lines = new LineFiles(folder, progress.bytes);
  let noted = performance.now();
  try {
    for await (const partition of tenantPartitions(records, tenant, progress.after ?? undefined)) {
      await exportPartition(ports, partition, lines, progress, folder);
      progress.after = partition.name;
      if (performance.now() < noted + NOTE_MS) continue;
      await note(folder, progress, lines);
      noted = performance.now();
    }
    const keys = await apiKeys.list(tenant);
    await lines.write(
      'api_keys',
      keys.map(({ hash: _hash, ...key }) => key),
    );
    progress.is_complete = true;
    await note(folder, progress, lines);
    return progress;
  } finally {
    await lines.close();
  }
}

async function exportPartition(
  { records, blobs, fileBlob }: ExportTenantPorts,
  { name, project, collection, id: object }: TenantPartition,
  lines: LineFiles,
  progress: TenantExport,
  folder: string,
): Promise<void> {
  const copy = async (blob: string, ...path: string[]): Promise<void> => {
    if (await copyBlob(blobs, blob, join(folder, ...path.map(fileName)))) progress.files += 1;
  };
  for await (const list of listsOf(records, name)) {
    let after: string | undefined;
    do {
      const page = await records.list(name, list, { order: 'asc', limit: PAGE, after });
      await lines.write(
        collection,
        page.records.map(({ id, order, value }) => ({ project, object, list, id, order, value })),
      );
      progress.records += page.records.length;
      for (const { id, value } of page.records) {
        if (collection === 'files') await copy(fileBlob(project, id), 'files', project, id);
        const blob = blobOf(value);
        if (blob !== undefined) await copy(blob, 'blobs', ...blob.split('/'));
      }
      after = page.hasMore ? page.records.at(-1)?.id : undefined;
    } while (after !== undefined);
  }
}

/** The blob that holds a part of the record: a large input of a response, a large item of a conversation, a part of an upload, or a file that was put into a container. */
function blobOf(value: unknown): string | undefined {
  const within = (given: unknown): unknown =>
    typeof given === 'object' && given !== null && 'blob' in given ? given.blob : undefined;
  const input: unknown = typeof value === 'object' && value !== null && 'input' in value ? value.input : undefined;
  const added: unknown = typeof value === 'object' && value !== null && 'added' in value ? value.added : undefined;
  const blob = within(value) ?? within(input) ?? within(added);
  return typeof blob === 'string' && /^(responses|conversations|files)\//.test(blob) ? blob : undefined;
}

/** A name for a file that leads nowhere else. */
const fileName = (text: string): string =>
  encodeURIComponent(text).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length));

/** False where the blob is not there any more, and for one that an earlier attempt has copied. */
async function copyBlob(blobs: Blobs, blob: string, path: string): Promise<boolean> {
  const info = await blobs.info(blob);
  if (!info) return false;
  const there = await stat(path).catch(() => undefined);
  if (there?.size === info.size) return false;
  const opened = await blobs.open(blob);
  if (!opened) return false;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.part`;
  await pipeline(opened.content, createWriteStream(temporary));
  await rename(temporary, path);
  return true;
}

/** The files of JSON lines, opened as they are needed. */
class LineFiles {
  private readonly handles = new Map<string, FileHandle>();

  constructor(
    private readonly folder: string,
    /** Where each ends, kept up to date. */
    readonly bytes: Record<string, number>,
  ) {}

  async write(collection: string, values: unknown[]): Promise<void> {
    const name = `${fileName(collection)}.jsonl`;
    const handle = this.handles.get(name) ?? (await this.open(name));
    const text = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    await handle.appendFile(text);
    this.bytes[name] = (this.bytes[name] ?? 0) + text.length;
  }

  /** Without what was written behind the last note. */
  private async open(name: string): Promise<FileHandle> {
    const handle = await open(join(this.folder, name), 'a', 0o600);
    this.handles.set(name, handle);
    await handle.truncate(this.bytes[name] ?? 0);
    return handle;
  }

  async sync(): Promise<void> {
    for (const handle of this.handles.values()) await handle.sync();
  }

  async close(): Promise<void> {
    for (const handle of this.handles.values()) await handle.close();
  }
}

async function note(folder: string, progress: TenantExport, lines: LineFiles): Promise<void> {
  await lines.sync();
  const temporary = join(folder, `.${PROGRESS}`);
  await writeFile(temporary, `${JSON.stringify(progress, null, 2)}\n`);
  await rename(temporary, join(folder, PROGRESS));
}

async function readProgress(folder: string, tenant: string): Promise<TenantExport> {
  let text: string;
  try {
    text = await readFile(join(folder, PROGRESS), 'utf8');
  } catch (error) {
    if (!(typeof error === 'object' && error && 'code' in error && error.code === 'ENOENT')) throw error;
    // Whatever lies there is no export that was noted.
    await rm(join(folder, `.${PROGRESS}`), { force: true });
    return { tenant, after: null, bytes: {}, records: 0, files: 0, is_complete: false };
  }
  const progress: TenantExport = JSON.parse(text);
  if (progress.tenant !== tenant)
    throw new ExportError(`${folder} holds an export of the tenant '${progress.tenant}'.`);
  if (progress.is_complete)
    throw new ExportError(`${folder} holds a complete export of '${tenant}'; name another folder for a new one.`);
  return progress;
}
