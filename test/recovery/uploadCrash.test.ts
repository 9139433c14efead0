/** The host is killed while an upload is completed: it can be completed by the next, has one file, and what the crash has left is removed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toFile } from 'openai';
import { fileBlob } from '../../src/retrieval/files';
import { partBlob, UNMADE_FILE_DUE, UPLOAD_DUE } from '../../src/retrieval/uploadRecords';
import type { DueRecord } from '../../src/storage/ports';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { openBlobs, openRecords } from '../support/storage';

const MINUTE_MS = 60_000;
const scope = { tenant: 'alpha', project: '-' };
const sourceOf = (...names: string[]) => join(__dirname, ...names).replace(/([\\/])dist[\\/]test/, '$1test');

let dataDir: string;
let host: Host;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'crash-'));
});
afterEach(async () => {
  await host.kill();
  await rm(dataDir, { recursive: true, force: true });
});

const start = async (script: string, env: Record<string, string> = {}): Promise<Host> =>
  startHost({ dataDir, env: { NODE_OPTIONS: `--require ${script}`, ...env } });

/** What is due at any time, of uploads and of contents of files that were not made. */
async function due(): Promise<DueRecord[]> {
  const records = await openRecords(dataDir);
  const found = await records.due(Number.MAX_SAFE_INTEGER, 100);
  await records.close();
  return found.filter(({ kind }) => kind === UPLOAD_DUE || kind === UNMADE_FILE_DUE);
}

it(
  'an upload whose host died before its file was made is completed by the next host, and nothing else stays',
  async () => {
    host = await start(sourceOf('killBeforeFile.cjs'));
    const upload = await host.openai().uploads.create({
      bytes: 12,
      filename: 'otters.txt',
      purpose: 'assistants',
      mime_type: 'text/plain',
    });
    const part_ids: string[] = [];
    for (const text of ['otters', ' sleep']) {
      const data = await toFile(Buffer.from(text), 'part');
      part_ids.push((await host.openai().uploads.parts.create(upload.id, { data })).id);
    }
    await expect(host.openai().uploads.complete(upload.id, { part_ids })).rejects.toThrow();
    const [unmade] = (await due()).filter(({ kind }) => kind === UNMADE_FILE_DUE);
    const blobs = await openBlobs(dataDir);
    expect(await blobs.info(fileBlob(scope, unmade?.id ?? ''))).toEqual({ size: 12 });

    host = await startHost({ dataDir });
    expect((await host.openai().files.list()).data).toEqual([]);
    const { file } = await host.openai().uploads.complete(upload.id, { part_ids });
    await host.kill();
    host = await start(sourceOf('..', 'support', 'laterClock.cjs'), { DAYS_LATER: '2' });
    await eventually('nothing is due any more', async () => ((await due()).length === 0 ? true : undefined));
    expect((await host.openai().files.list()).data.map(({ id }) => id)).toEqual([file?.id]);
    expect(await (await host.openai().files.content(file?.id ?? '')).text()).toBe('otters sleep');
    expect(await blobs.info(fileBlob(scope, unmade?.id ?? ''))).toBeUndefined();
    for (const id of part_ids) expect(await blobs.info(partBlob(scope, upload.id, id))).toBeUndefined();
  },
  2 * MINUTE_MS,
);
