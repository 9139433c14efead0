/** LanceDB in a storage account. */
import { azureVectors, objectStoreOptions } from '../../../src/adapters/azureStorage/azureVectors';
import { lanceDbIndex } from '../../../src/adapters/lanceDb';
import type { Chunk } from '../../../src/retrieval/ports';
import { describeVectorIndex, inTenant } from '../../conformance/vectorIndex';
import { accountOf, connectionStringTo, startAzurite, type Azurite } from '../../support/azurite';
import { startStorageProxy } from '../../support/storageProxy';

jest.setTimeout(120_000);

let azurite: Azurite;
let run: string;
beforeAll(async () => {
  azurite = await startAzurite();
  run = azurite.newPrefix();
});
afterAll(async () => azurite.stop());

describeVectorIndex('LanceDB in Azure Blob storage', async (place) => {
  const { address, options } = await azureVectors(azurite.account, run);
  return lanceDbIndex(`${address}/${place}`, { storageOptions: options });
});

describe('a version whose answer was lost', () => {
  const store = inTenant('vs_lost');
  const chunks = (fileId: string, count: number): Chunk[] =>
    Array.from({ length: count }, (_, ordinal) => ({ fileId, ordinal, text: `otters ${ordinal}` }));
  const vectors = (count: number) => Array.from({ length: count }, (_, n) => Float32Array.from([n, 1, 0, 0]));
  type Index = Awaited<ReturnType<typeof lanceDbIndex>>;
  const put = async (index: Index, fileId: string, count: number) =>
    index.replaceFiles(store, [fileId], chunks(fileId, count), vectors(count));

  // The service has it, and refuses it when it is sent again: LanceDB before 0.38 took that for another writer's, removed its own files, and the store was lost.
  it.each([
    ['more chunks', async (index: Index) => put(index, 'b', 3), 1, 9],
    ['fewer chunks', async (index: Index) => put(index, 'a', 1), 1, 5],
    ['no chunks', async (index: Index) => index.deleteFiles(store, ['a']), 1, 4],
    ['the chunks in order, first', async (index: Index) => index.optimize(store), 1, 6],
    ['the chunks in order, second', async (index: Index) => index.optimize(store), 2, 6],
  ])('is there once: %s', async (_, change, which, left) => {
    const proxy = await startStorageProxy(new URL(azurite.account.blobUrl).origin);
    const table = new URL(azurite.account.tableUrl).origin;
    const account = accountOf(connectionStringTo({ blob: proxy.url, table }));
    const { address, options } = await azureVectors(account, azurite.newPrefix());
    const index = await lanceDbIndex(address, { storageOptions: options });
    try {
      await put(index, 'a', 2);
      for (const other of ['w', 'x', 'y', 'z']) await put(index, other, 1);
      let versions = 0;
      proxy.onAnswer = ({ method, path, status }) => {
        if (method !== 'PUT' || status !== 201 || !/_versions\/[^/]*manifest/.test(path)) return undefined;
        versions += 1;
        return versions === which ? 'lose' : undefined;
      };
      await change(index);
      expect(versions).toBeGreaterThanOrEqual(which);
      proxy.onAnswer = undefined;
      expect(await index.count(store)).toBe(left);
      const search = { vector: Float32Array.from([1, 1, 0, 0]), text: 'otters', weights: { vector: 1, text: 1 } };
      expect(await index.search(store, { ...search, limit: 20 })).toHaveLength(left);
      await put(index, 'c', 1);
      expect(await index.count(store)).toBe(left + 1);
    } finally {
      await index.close();
      await proxy.close();
    }
  });
});

describe('objectStoreOptions', () => {
  const account = {
    name: 'mine',
    blobUrl: 'https://mine.blob.core.windows.net',
    tableUrl: 'https://mine.table.core.windows.net',
  };
  const base = { azure_storage_account_name: 'mine', azure_storage_endpoint: account.blobUrl };

  it('give the managed identity of the platform, or whoever is signed in', () => {
    const managed = {
      kind: 'identity',
      isManaged: true,
      clientId: 'client',
      tokenEndpoint: 'http://127.0.0.1/token',
    } as const;
    expect(objectStoreOptions({ ...account, credential: managed })).toEqual({
      ...base,
      azure_storage_client_id: 'client',
      azure_msi_endpoint: 'http://127.0.0.1/token',
    });
    expect(objectStoreOptions({ ...account, credential: { kind: 'identity', isManaged: false } })).toEqual({
      ...base,
      azure_use_azure_cli: 'true',
    });
  });
});
