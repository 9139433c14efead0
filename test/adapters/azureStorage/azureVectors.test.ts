/** LanceDB in a storage account. */
import { azureVectors, objectStoreOptions } from '../../../src/adapters/azureStorage/azureVectors';
import { lanceDbIndex } from '../../../src/adapters/lanceDb';
import { describeVectorIndex } from '../../conformance/vectorIndex';
import { startAzurite, type Azurite } from '../../support/azurite';

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
