import { Readable } from 'node:stream';
import { azureBlobs } from '../../../src/adapters/azureStorage/azureBlobs';
import { storageClients } from '../../../src/adapters/azureStorage/clients';
import { describeBlobs } from '../../conformance/blobs';
import { startAzurite, type Azurite } from '../../support/azurite';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(async () => azurite.stop());

const open = async () =>
  azureBlobs({ account: azurite.account, prefix: azurite.newPrefix(), containers: ['files', 'uploads'] });

describeBlobs('Azure Blob storage', open);

describe('azureBlobs', () => {
  it('has no place for names outside its containers', async () => {
    const blobs = await open();
    await expect(blobs.put('elsewhere/a', Readable.from([Buffer.from('x')]))).rejects.toThrow('files/ or uploads/');
    expect(await blobs.info('elsewhere/a')).toBeUndefined();
    await blobs.delete('elsewhere/a');
  });

  it('keeps content of several blocks whole, at and around the size of a block', async () => {
    const blobs = await open();
    for (const size of [4 * 2 ** 20 - 1, 4 * 2 ** 20, 4 * 2 ** 20 + 1, 9 * 2 ** 20]) {
      const content = Buffer.alloc(size, 'abcdefg');
      const pieces = async function* () {
        for (let at = 0; at < size; at += 777_777) yield await Promise.resolve(content.subarray(at, at + 777_777));
      };
      expect(await blobs.put('files/large', Readable.from(pieces()))).toEqual({ size });
      const opened = await blobs.open('files/large', 5);
      const read = opened && Buffer.concat(await opened.content.toArray());
      expect(read?.equals(content.subarray(5))).toBe(true);
    }
  });

  it('gives nothing from the end on, with the size of the whole', async () => {
    const blobs = await open();
    await blobs.put('files/short', Readable.from([Buffer.from('12345')]));
    const opened = await blobs.open('files/short', 5);
    expect(opened?.info).toMatchObject({ size: 5 });
    expect(await opened?.content.toArray()).toEqual([]);
  });

  it('finds what another program put under any name that people give', async () => {
    const prefix = azurite.newPrefix();
    const blobs = await azureBlobs({ account: azurite.account, prefix, containers: ['uploads'] });
    await blobs.put('uploads/vs_1/first', Readable.from([Buffer.from('x')]));
    const container = (await storageClients(azurite.account)).blobs.getContainerClient(`${prefix}uploads`);
    for (const name of [
      'Report (final) v2.pdf',
      'Grüße 日本語 👋.md',
      '100%.txt',
      'a+b&c=d#e?f.txt',
      ' x ',
      'a/b/c.txt',
      '~$x;y.doc',
    ]) {
      await container.getBlockBlobClient(`vs_1/${name}`).upload(name, Buffer.byteLength(name));
      const opened = await blobs.open(`uploads/vs_1/${name}`);
      expect(opened && Buffer.concat(await opened.content.toArray()).toString()).toBe(name);
    }
  });
});
