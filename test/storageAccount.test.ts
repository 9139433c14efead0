import { ConfigError, readConfig } from '../src/config';
import type { StorageAccount } from '../src/storageAccount';

const keys = { API_KEYS: 'a:key-a' };
const storage = (env: Record<string, string>) => readConfig({ ...keys, ...env }).storage;
const account = (env: Record<string, string>): StorageAccount => {
  const settings = storage(env);
  if (settings.kind !== 'azure') throw new Error('The storage is embedded.');
  return settings.account;
};
const refused = (env: Record<string, string>) => {
  try {
    readConfig({ ...keys, ...env });
  } catch (error) {
    if (error instanceof ConfigError) return { setting: error.setting, message: error.message };
    throw error;
  }
  return undefined;
};
const connection =
  'DefaultEndpointsProtocol=https;AccountName=mine;AccountKey=c2VjcmV0==;EndpointSuffix=core.windows.net';

describe('the settings of storage', () => {
  it('keep the state on this machine unless an account is given', () => {
    expect(storage({})).toEqual({ kind: 'embedded' });
    expect(storage({ AzureWebJobsStorage: ' ' })).toEqual({ kind: 'embedded' });
    expect(storage({ AzureWebJobsStorage: connection, STORAGE: 'embedded' })).toEqual({ kind: 'embedded' });
    expect(storage({ AzureWebJobsStorage: connection })).toMatchObject({ kind: 'azure', prefix: '' });
    expect(storage({ AzureWebJobsStorage__accountName: 'mine' })).toMatchObject({ kind: 'azure' });
  });

  it('read a connection string with the key of an account', () => {
    expect(account({ AzureWebJobsStorage: connection })).toEqual({
      name: 'mine',
      blobUrl: 'https://mine.blob.core.windows.net',
      tableUrl: 'https://mine.table.core.windows.net',
      credential: { kind: 'key', key: 'c2VjcmV0==' },
    });
  });

  it('read a connection string with addresses and a shared access signature', () => {
    const text =
      'BlobEndpoint=https://mine.blob.example.com/;TableEndpoint=https://mine.table.example.com;SharedAccessSignature=?sv=1&sig=a%3D';
    expect(account({ AzureWebJobsStorage: text })).toEqual({
      name: 'mine',
      blobUrl: 'https://mine.blob.example.com',
      tableUrl: 'https://mine.table.example.com',
      credential: { kind: 'sas', signature: 'sv=1&sig=a%3D' },
    });
  });

  it('take the emulator on its usual ports', () => {
    expect(account({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' })).toMatchObject({
      name: 'devstoreaccount1',
      blobUrl: 'http://127.0.0.1:10000/devstoreaccount1',
      tableUrl: 'http://127.0.0.1:10002/devstoreaccount1',
    });
  });

  it('read an identity, managed or of whoever is signed in', () => {
    const url = { blobUrl: 'https://mine.blob.core.windows.net', tableUrl: 'https://mine.table.core.windows.net' };
    expect(account({ AzureWebJobsStorage__accountName: 'mine' })).toEqual({
      name: 'mine',
      ...url,
      credential: { kind: 'identity', isManaged: false },
    });
    expect(
      account({
        AzureWebJobsStorage__blobServiceUri: `${url.blobUrl}/`,
        AzureWebJobsStorage__tableServiceUri: url.tableUrl,
        AzureWebJobsStorage__queueServiceUri: 'https://mine.queue.core.windows.net',
        AzureWebJobsStorage__credential: 'managedidentity',
        AzureWebJobsStorage__clientId: 'client',
        IDENTITY_ENDPOINT: 'http://127.0.0.1:42/token',
      }),
    ).toEqual({
      name: 'mine',
      ...url,
      credential: { kind: 'identity', isManaged: true, clientId: 'client', tokenEndpoint: 'http://127.0.0.1:42/token' },
    });
  });

  it.each([
    ['STORAGE', { STORAGE: 'cloud' }],
    ['AzureWebJobsStorage', { STORAGE: 'azure' }],
    ['AzureWebJobsStorage', { AzureWebJobsStorage: 'hidden' }],
    ['AzureWebJobsStorage', { AzureWebJobsStorage: 'AccountName=mine;Password=hidden' }],
    ['AzureWebJobsStorage', { AzureWebJobsStorage: 'AccountName=mine' }],
    ['AzureWebJobsStorage', { AzureWebJobsStorage: 'AccountKey=hidden' }],
    ['AzureWebJobsStorage', { AzureWebJobsStorage: 'AccountName=m;AccountKey=hidden;BlobEndpoint=mine' }],
    ['AzureWebJobsStorage__accountName', { AzureWebJobsStorage__accountName: 'mine.blob.core.windows.net' }],
    [
      'AzureWebJobsStorage__blobServiceUri',
      { AzureWebJobsStorage__tableServiceUri: 'https://mine.table.core.windows.net' },
    ],
    [
      'AzureWebJobsStorage__tableServiceUri',
      { AzureWebJobsStorage__blobServiceUri: 'https://mine.blob.core.windows.net' },
    ],
    ['AzureWebJobsStorage__blobServiceUri', { AzureWebJobsStorage__blobServiceUri: 'http://mine.blob.example.com' }],
    [
      'AzureWebJobsStorage__credential',
      { AzureWebJobsStorage__accountName: 'mine', AzureWebJobsStorage__credential: 'key' },
    ],
    ['AzureWebJobsStorage__clientSecret', { AzureWebJobsStorage__clientSecret: 'hidden' }],
    ['STORAGE_PREFIX', { AzureWebJobsStorage__accountName: 'mine', STORAGE_PREFIX: 'Team-1' }],
    ['STORAGE_PREFIX', { STORAGE_PREFIX: 'team' }],
  ] as [string, Record<string, string>][])('refuse a wrong %s in one line that tells no secret: %j', (setting, env) => {
    const error = refused(env);
    expect(error?.setting).toBe(setting);
    expect(error?.message).toMatch(new RegExp(`^${setting}: [^\\n]+\\.$`));
    expect(error?.message).not.toContain('hidden');
  });
});
