import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobContainers } from '../../src/localHost/blobContainers';
import { BlobTrigger } from '../../src/localHost/blobTrigger';
import type { FunctionInvoker } from '../../src/localHost/functionInvoker';
import { HostLog } from '../../src/localHost/hostLog';
import { HostStore } from '../../src/localHost/hostStore';
import { Semaphore } from '../../src/localHost/semaphore';

describe('parallelism of the blob trigger', () => {
  let folder: string;
  let store: HostStore;
  let trigger: BlobTrigger;
  /** Ends the invocations under way, by blob. */
  let running: Map<string, () => void>;
  let most: number;
  let begun: number;
  let onBegin: () => void;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'blobs-'));
    await mkdir(join(folder, 'uploads'));
    store = new HostStore(join(folder, 'host.sqlite'));
    running = new Map();
    [most, begun, onBegin] = [0, 0, () => undefined];
    const invoke: FunctionInvoker['invoke'] = (_, __, metadata) =>
      new Promise((resolve) => {
        const blob = JSON.stringify(metadata.BlobTrigger);
        running.set(blob, () => {
          running.delete(blob);
          resolve(undefined);
        });
        begun += 1;
        most = Math.max(most, running.size);
        onBegin();
      });
    const binding = { type: 'blobTrigger', direction: 'in' as const, name: 'blob1', path: 'uploads/{name}' };
    trigger = await BlobTrigger.create(
      {
        name: 'ingest',
        metadata: { name: 'ingest', bindings: { blob1: binding } },
        callback: () => undefined,
        trigger: binding,
        durableClients: [],
      },
      { invoke, orchestrators: new Map(), activities: new Map() },
      store,
      new HostLog(
        true,
        (text) => text,
        () => undefined,
      ),
      { openContainer: blobContainers({ folder, onlyFolder: true, env: {} }), intervalMs: 5, env: {} },
    );
  });
  afterEach(async () => {
    const stopped = trigger.stop();
    for (const end of running.values()) end();
    await stopped;
    store.close();
    await rm(folder, { recursive: true });
  });

  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => (onBegin = resolve));
  };

  it('runs eight at once and the next when one has ended', async () => {
    for (let count = 0; count < 20; count++) await writeFile(join(folder, 'uploads', `${count}.txt`), 'x');
    await trigger.start();
    for (let ended = 0; ended < 20; ended++) {
      await until(() => begun === Math.min(20, ended + 8));
      expect(running.size).toBe(Math.min(8, 20 - ended));
      running.values().next().value?.();
    }
    expect(most).toBe(8);
  });

  it('runs blobs over 64 MB one at a time', async () => {
    for (const name of ['a', 'b', 'c']) {
      const file = await open(join(folder, 'uploads', name), 'w');
      await file.truncate(65 * 1024 * 1024);
      await file.close();
    }
    await trigger.start();
    for (let ended = 0; ended < 3; ended++) {
      await until(() => begun === ended + 1);
      running.values().next().value?.();
    }
    expect(most).toBe(1);
  });
});

describe('Semaphore', () => {
  it('frees a place once however often it is told', async () => {
    const semaphore = new Semaphore(1);
    const free = await semaphore.acquire();
    free();
    free();
    await semaphore.acquire();
    let isThrough = false;
    void semaphore.acquire().then(() => (isThrough = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isThrough).toBe(false);
  });
});
