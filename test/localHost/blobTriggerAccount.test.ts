/** The blob trigger over a storage account: the host alone, and the package with its state there. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { BlobServiceClient, StorageSharedKeyCredential, type ContainerClient } from '@azure/storage-blob';
import { startAzurite, type Azurite } from '../support/azurite';
import { startHost } from '../support/host';
import { eventually } from '../support/polling';
import { HostProcess, type HostProcessOptions } from './hostProcess';

let azurite: Azurite;
let service: BlobServiceClient;
beforeAll(async () => {
  azurite = await startAzurite();
  const { name, blobUrl, credential } = azurite.account;
  if (credential.kind !== 'key') throw new Error('Azurite is reached by a key.');
  service = new BlobServiceClient(blobUrl, new StorageSharedKeyCredential(name, credential.key));
});
afterAll(async () => azurite.stop());

async function put(container: ContainerClient, name: string, text: string, metadata?: Record<string, string>) {
  await container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text), { metadata });
}

describe('the host alone', () => {
  let prefix: string;
  let container: ContainerClient;
  let directory: string;
  const hosts: HostProcess[] = [];
  beforeEach(async () => {
    prefix = azurite.newPrefix();
    container = service.getContainerClient(`${prefix}uploads`);
    await container.create();
    directory = await mkdtemp(join(tmpdir(), 'local-host-'));
  });
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map(async (host) => host.stop('SIGKILL')));
    await rm(directory, { recursive: true });
  });

  async function start(dataDir: string, env: Record<string, string> = {}): Promise<HostProcess> {
    const options: HostProcessOptions = {
      dataDir: join(directory, dataDir),
      env: {
        CONTAINER: `${prefix}uploads`,
        AzureWebJobsStorage: azurite.connectionString,
        AzureFunctionsWebHost__hostid: prefix,
        TEST_HOST_OPTIONS: JSON.stringify({ blobIntervalMs: 20 }),
        ...env,
      },
    };
    const host = await HostProcess.start('blob', options);
    hosts.push(host);
    return host;
  }
  const line = (name: string) => new RegExp(`BLOB .*"${name}"`);
  const settled = (dataDir: string, state = 'done'): number => {
    const database = new DatabaseSync(join(directory, dataDir, 'host.sqlite'), { readOnly: true });
    const row = database.prepare('SELECT count(*) AS count FROM blobReceipts WHERE state = ?').get(state);
    database.close();
    return Number(row?.count);
  };
  const untilSettled = async (dataDir: string, count: number, state = 'done') =>
    eventually(`${count} receipts in ${dataDir}`, async () =>
      Promise.resolve(settled(dataDir, state) >= count ? true : undefined),
    );

  it('passes content, properties and metadata of a blob, for each version once, after a restart too', async () => {
    const host = await start('one');
    await put(container, 'vs_1/folder/a b.txt', 'hello', { team: 'otters' });
    await put(container, 'top.txt', 'does not match the path');
    const [first] = await host.until(/BLOB .*a b\.txt.*/);
    expect(JSON.parse(first.slice(5))).toEqual({
      store: 'vs_1/folder',
      name: 'a b.txt',
      blobTrigger: `${prefix}uploads/vs_1/folder/a b.txt`,
      length: 5,
      isBuffer: true,
      text: 'hello',
      metadata: { team: 'otters' },
    });
    await put(container, 'vs_1/folder/a b.txt', 'hello again');
    await host.until(/BLOB .*hello again/);
    await put(container, 's/empty.txt', '');
    await host.until(line('empty.txt'));
    const long = `${'n'.repeat(1015)}.txt`;
    await put(container, `s/${long}`, 'a receipt cannot have this name beside its own path');
    await host.until(line(long));
    await untilSettled('one', 3);
    await host.stop('SIGTERM');

    const restarted = await start('one');
    await put(container, 's/c.txt', 'after the restart');
    await restarted.until(line('c.txt'));
    expect(host.count(/BLOB/)).toBe(4);
    expect(restarted.count(/BLOB/)).toBe(1);
  });

  it('of two hosts that share the account, one fires for each blob', async () => {
    const [one, other] = await Promise.all([start('one'), start('other')]);
    const names = Array.from({ length: 40 }, (_, at) => `${at}.txt`);
    await Promise.all(names.map(async (name) => put(container, `s/${name}`, 'x')));
    await Promise.all([untilSettled('one', 40), untilSettled('other', 40)]);
    for (const name of names) expect([name, one.count(line(name)) + other.count(line(name))]).toEqual([name, 1]);

    const late = await start('late');
    await untilSettled('late', 40);
    expect(late.count(/BLOB/)).toBe(0);
  });

  it('two hosts together try a failing blob five times, then neither does', async () => {
    const [one, other] = await Promise.all([start('one'), start('other')]);
    await put(container, 's/bad.txt', 'x');
    await Promise.all([untilSettled('one', 1, 'poison'), untilSettled('other', 1, 'poison')]);
    expect(one.count(line('bad.txt')) + other.count(line('bad.txt'))).toBe(5);
  });

  it('a host that is killed during its try leaves the blob to another', async () => {
    const killed = await start('one', { HANG: '1' });
    await put(container, 's/a.txt', 'x');
    await killed.until(line('a.txt'));
    await killed.stop('SIGKILL');
    const name = `blobreceipts/${prefix}/ingest/${prefix}uploads/s/a.txt`;
    const receipt = service.getContainerClient('azure-webjobs-hosts').getBlobClient(name);
    // Ends by itself after half a minute, for which the test does not wait.
    expect(await receipt.getProperties()).toMatchObject({ leaseState: 'leased', leaseDuration: 'fixed' });
    await receipt.getBlobLeaseClient().breakLease(0);
    const other = await start('other');
    await other.until(line('a.txt'));
    expect(JSON.parse((await receipt.downloadToBuffer()).toString())).toMatchObject({ tries: 2 });
  });

  it('watches a container that is made later', async () => {
    await container.delete();
    const host = await start('one');
    const later = service.getContainerClient(`${prefix}uploads`);
    await later.create();
    await put(later, 's/a.txt', 'x');
    await host.until(line('a.txt'));
    expect(host.count(/ERROR/)).toBe(0);
  });

  it('does not poll for a function that waits for Event Grid, and says so', async () => {
    await put(container, 's/a.txt', 'x');
    const waiting = await start('waiting', { SOURCE: 'EventGrid' });
    expect(waiting.output).toContain("Function 'ingest' waits for Event Grid");
    // Starts later and looks at the same receipts, so it finds only what the other left.
    const polling = await start('polling');
    await polling.until(line('a.txt'));
    expect(waiting.count(/BLOB/)).toBe(0);
  });

  it('does not start with a connection that is wrong, and says which without its key', async () => {
    const host = await start('one', { AzureWebJobsStorage: 'AccountName=a;Key=secret' });
    expect(host.url).toBe('');
    expect(host.output).toContain('AzureWebJobsStorage: must be a connection string');
    expect(host.output).not.toContain('secret');
  });
});

describe('the package with its state in the account', () => {
  it('ingests a blob with its metadata, finds it by search, and replaces it when it is overwritten', async () => {
    const prefix = azurite.newPrefix();
    const uploads = service.getContainerClient(`${prefix}uploads`);
    await uploads.create();
    const host = await startHost({
      env: { STORAGE: 'azure', AzureWebJobsStorage: azurite.connectionString, STORAGE_PREFIX: prefix },
    });
    try {
      expect(host.output()).toContain(`Blobs at ${prefix}uploads/{vector_store_id}/{name} are ingested.`);
      const client = host.openai();
      const store = await client.vectorStores.create({ name: 'put' });
      const search = async (query: string) =>
        (await client.vectorStores.search(store.id, { query, filters: { type: 'eq', key: 'team', value: 'otters' } }))
          .data;
      await put(uploads, `${store.id}/notes/otters.txt`, 'Otters sleep on the water.', { team: 'otters' });
      const [first] = await eventually('the blob in a search', async () => {
        const found = await search('Where do otters sleep?');
        return found.length > 0 ? found : undefined;
      });
      expect(first).toMatchObject({
        filename: 'notes/otters.txt',
        attributes: { team: 'otters' },
        content: [{ text: 'Otters sleep on the water.' }],
      });
      await put(uploads, `${store.id}/notes/otters.txt`, 'Otters hold hands.', { team: 'otters', year: '2024' });
      const replaced = await eventually('the new text', async () => {
        const found = await search('otters');
        return found[0]?.content[0]?.text === 'Otters hold hands.' ? found : undefined;
      });
      expect(replaced).toMatchObject([{ file_id: first?.file_id, attributes: { team: 'otters', year: '2024' } }]);
      expect((await client.vectorStores.files.list(store.id)).data).toHaveLength(1);
    } finally {
      await host.stop();
    }
  }, 90_000);

  it('with STORAGE=embedded the folder is watched, although there is an account', async () => {
    const prefix = azurite.newPrefix();
    const host = await startHost({
      env: {
        STORAGE: 'embedded',
        AzureWebJobsStorage: azurite.connectionString,
        AzureFunctionsWebHost__hostid: prefix,
      },
    });
    try {
      const client = host.openai();
      const store = await client.vectorStores.create({});
      const folder = join(host.dataDir, 'blobs', 'uploads', store.id);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'a.txt'), 'Badgers sleep below the ground.');
      await eventually('the file', async () => {
        const [file] = (await client.vectorStores.files.list(store.id)).data;
        return file?.status === 'completed' ? file : undefined;
      });
    } finally {
      await host.stop();
    }
  });
});
