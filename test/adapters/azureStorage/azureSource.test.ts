import { azureBlobs } from '../../../src/adapters/azureStorage/azureBlobs';
import { azureSource } from '../../../src/adapters/azureStorage/azureSource';
import { storageClients } from '../../../src/adapters/azureStorage/clients';
import { describeBlobSource, pagesOf } from '../../conformance/blobSource';
import { startAzurite, type Azurite } from '../../support/azurite';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(async () => azurite.stop());

/** The container `documents`, emptied. */
async function documents() {
  const container = (await storageClients(azurite.account)).blobs.getContainerClient('documents');
  await container.createIfNotExists();
  for await (const { name } of container.listBlobsFlat()) await container.deleteBlob(name);
  return container;
}

describeBlobSource('Azure Blob storage', async () => {
  const container = await documents();
  return {
    source: await azureSource(azurite.account),
    put: async (name, content) => void (await container.getBlockBlobClient(name).upload(content, content.length)),
  };
});

it('lists over many pages, passes over marks of folders, and gives the metadata of blobs', async () => {
  const container = await documents();
  const put = async (name: string, metadata = {}) => container.getBlockBlobClient(name).upload('x', 1, { metadata });
  await put('folder', { hdi_isfolder: 'true' });
  await put('folder/a.txt', { team: 'otters' });
  for (let start = 0; start < 1100; start += 100) {
    await Promise.all(Array.from({ length: 100 }, async (_, n) => put(`many/${start + n}`)));
  }
  const source = await azureSource(azurite.account);
  const names = (await pagesOf(source)).map((page) => page.map(({ name }) => name));
  expect(names.length).toBeGreaterThan(1);
  expect(names.flat()).toHaveLength(1101);
  expect(names.flat()).not.toContain('folder');
  const blob = await source.open('documents', 'folder/a.txt');
  blob?.content.destroy();
  expect(blob?.metadata).toEqual({ team: 'otters' });
});

it('gives the metadata of an upload to its ingestion', async () => {
  const blobs = await azureBlobs({ account: azurite.account, prefix: '', containers: ['uploads'] });
  const uploads = (await storageClients(azurite.account)).blobs.getContainerClient('uploads');
  await uploads.createIfNotExists();
  await uploads.getBlockBlobClient('vs_1/a.txt').upload('x', 1, { metadata: { team: 'otters' } });
  const opened = await blobs.open('uploads/vs_1/a.txt');
  opened?.content.destroy();
  expect(opened?.info).toEqual({ size: 1, metadata: { team: 'otters' } });
});
