/** LanceDB in a storage account. */
import { azureVectors } from '../../../src/adapters/azureStorage/azureVectors';
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
  return lanceDbIndex(`${address}/${place}`, options);
});
