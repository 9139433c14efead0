/** Storage by a shared access signature, which needs no key. */
import { Readable } from 'node:stream';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { azureBlobs } from '../../../src/adapters/azureStorage/azureBlobs';
import { azureRecords } from '../../../src/adapters/azureStorage/azureRecords';
import { azureVectors } from '../../../src/adapters/azureStorage/azureVectors';
import { lanceDbIndex } from '../../../src/adapters/lanceDb';
import type { StorageAccount } from '../../../src/storageAccount';
import { startAzurite, type Azurite } from '../../support/azurite';

let azurite: Azurite;
let account: StorageAccount;
beforeAll(async () => {
  azurite = await startAzurite();
  const { name, credential } = azurite.account;
  const signature = generateAccountSASQueryParameters(
    {
      expiresOn: new Date(Date.now() + 3_600_000),
      permissions: AccountSASPermissions.parse('rwdlacu'),
      resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
      services: AccountSASServices.parse('bt').toString(),
    },
    new StorageSharedKeyCredential(name, credential.kind === 'key' ? credential.key : ''),
  ).toString();
  account = { ...azurite.account, credential: { kind: 'sas', signature } };
});
afterAll(async () => azurite.stop());

it('keeps records, files and vectors', async () => {
  const prefix = azurite.newPrefix();
  const records = await azureRecords({ account, prefix, logFault: () => undefined });
  const [etag] = await records.write('p', [{ op: 'create', list: 'things', id: 'a', order: '1', value: 1 }]);
  await records.write('p', [{ op: 'delete', list: 'things', id: 'a', ifMatch: etag }]);
  expect(await records.list('p', 'things', { order: 'desc', limit: 10 })).toEqual({ records: [], hasMore: false });

  const blobs = await azureBlobs({ account, prefix, containers: ['files'] });
  await blobs.put('files/a', Readable.from([Buffer.from('text')]));
  expect(await blobs.info('files/a')).toEqual({ size: 4 });

  const { address, options } = await azureVectors(account, prefix);
  const index = await lanceDbIndex(address, { storageOptions: options });
  await index.replaceFiles(
    { tenant: 'a', id: 'vs' },
    ['file'],
    [{ fileId: 'file', ordinal: 0, text: 'text' }],
    [new Float32Array([1, 0])],
  );
  expect(await index.count({ tenant: 'a', id: 'vs' })).toBe(1);
  await index.close();
});
