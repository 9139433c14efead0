/** The settings of storage: on this machine, or in an Azure storage account by connection string or by identity. */
import { z } from 'zod';
import { ConfigError } from './configError';

/** How an account is reached. */
export interface StorageAccount {
  name: string;
  /** Addresses of the services, without a slash at the end. */
  blobUrl: string;
  tableUrl: string;
  credential: StorageCredential;
}

export type StorageCredential =
  | { kind: 'key'; key: string }
  /** A shared access signature, without `?`. */
  | { kind: 'sas'; signature: string }
  | {
      kind: 'identity';
      /** The managed identity only, and none of a developer. */
      isManaged: boolean;
      /** Of a user-assigned identity. */
      clientId?: string;
      /** Where the platform gives tokens out; absent on a machine that asks the instance metadata service. */
      tokenEndpoint?: string;
    };

export type StorageSettings =
  | { kind: 'embedded' }
  /** `prefix` stands before the names of the containers and the table. */
  | { kind: 'azure'; account: StorageAccount; prefix: string };

const CONNECTION = 'AzureWebJobsStorage';

/** The account that every emulator has; both are published and no secret. */
const emulator = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
};

/** @param env Settings that are not empty. Throws {@link ConfigError}. */
export function readStorage(env: Record<string, string | undefined>): StorageSettings {
  const storage = env.STORAGE ?? (isConnectionGiven(env, CONNECTION) ? 'azure' : 'embedded');
  if (storage !== 'azure' && storage !== 'embedded') throw new ConfigError('STORAGE', "must be 'embedded' or 'azure'.");
  const prefix = env.STORAGE_PREFIX ?? '';
  if (!/^([a-z][a-z0-9]{0,30})?$/.test(prefix)) {
    throw new ConfigError('STORAGE_PREFIX', 'must be a letter and up to 30 letters or digits, all lower case.');
  }
  if (storage === 'embedded') {
    if (prefix)
      throw new ConfigError('STORAGE_PREFIX', 'has no meaning where STORAGE is embedded; remove the setting.');
    return { kind: 'embedded' };
  }
  return { kind: 'azure', account: readAccount(env, CONNECTION), prefix };
}

/** Whether there is a setting of that connection: a connection string, or one of an identity. */
export const isConnectionGiven = (env: Record<string, string | undefined>, connection: string): boolean =>
  Object.entries(env).some(([name, value]) => value && (name === connection || name.startsWith(`${connection}__`)));

/**
 * The account of a connection, as Azure Functions has them: the setting of that name holds a connection string, or those that begin so, with
 * two underscores, say which identity reaches what.
 * @param env Settings that are not empty. Throws {@link ConfigError}.
 */
export function readAccount(env: Record<string, string | undefined>, connection: string): StorageAccount {
  const text = env[connection];
  return text ? readConnectionString(text, connection) : readIdentity(env, connection);
}

const connectionKeys = [
  'DefaultEndpointsProtocol', 'AccountName', 'AccountKey', 'SharedAccessSignature', 'EndpointSuffix', 'BlobEndpoint', 'TableEndpoint',
  'QueueEndpoint', 'FileEndpoint', 'UseDevelopmentStorage',
] as const; // prettier-ignore

/** Never repeats what it was given: the string holds the account's key. */
function readConnectionString(text: string, connection: string): StorageAccount {
  const values: Partial<Record<(typeof connectionKeys)[number], string>> = {};
  for (const part of text.split(';').filter((each) => each.trim())) {
    const at = part.indexOf('=');
    const key = connectionKeys.find(
      (known) => known.toLowerCase() === part.slice(0, Math.max(at, 0)).trim().toLowerCase(),
    );
    if (!key) throw new ConfigError(connection, `must be a connection string of ${connectionKeys.join(', ')}.`);
    values[key] = part.slice(at + 1).trim();
  }
  if (values.UseDevelopmentStorage?.toLowerCase() === 'true') {
    const url = (port: number) => `http://127.0.0.1:${port}/${emulator.name}`;
    const credential = { kind: 'key', key: emulator.key } as const;
    return { name: emulator.name, blobUrl: url(10000), tableUrl: url(10002), credential };
  }
  const { AccountName, AccountKey, SharedAccessSignature, DefaultEndpointsProtocol = 'https' } = values;
  const { EndpointSuffix = 'core.windows.net' } = values;
  const endpoint = (service: 'blob' | 'table', given: string | undefined): string => {
    if (given) return serviceAddress(connection, given);
    if (!AccountName) throw new ConfigError(connection, 'must have AccountName, or BlobEndpoint and TableEndpoint.');
    return serviceAddress(connection, `${DefaultEndpointsProtocol}://${AccountName}.${service}.${EndpointSuffix}`);
  };
  const blobUrl = endpoint('blob', values.BlobEndpoint);
  const tableUrl = endpoint('table', values.TableEndpoint);
  const name = AccountName ?? nameIn(blobUrl);
  if (AccountKey && AccountName) return { name, blobUrl, tableUrl, credential: { kind: 'key', key: AccountKey } };
  const signature = SharedAccessSignature?.replace(/^\?/, '');
  if (!signature) {
    throw new ConfigError(connection, 'must have AccountName and AccountKey, or SharedAccessSignature.');
  }
  return { name, blobUrl, tableUrl, credential: { kind: 'sas', signature } };
}

/** The settings of an identity-based connection, as Azure Functions has them. */
function readIdentity(env: Record<string, string | undefined>, connection: string): StorageAccount {
  const setting = (name: string) => `${connection}__${name}`;
  const known = ['accountName', 'blobServiceUri', 'tableServiceUri', 'queueServiceUri', 'credential', 'clientId'];
  const unknown = Object.keys(env).find(
    (name) => name.startsWith(setting('')) && !known.some((each) => setting(each) === name),
  );
  if (unknown) throw new ConfigError(unknown, `is not used; identities take ${known.map(setting).join(', ')}.`);
  const credential = env[setting('credential')];
  if (credential !== undefined && credential !== 'managedidentity') {
    throw new ConfigError(
      setting('credential'),
      "must be 'managedidentity', or absent for whoever is signed in to Azure.",
    );
  }
  const accountName = env[setting('accountName')];
  if (accountName !== undefined && !/^[a-z0-9]{3,24}$/.test(accountName)) {
    throw new ConfigError(setting('accountName'), 'must be the name of a storage account, without its domain.');
  }
  const address = (service: 'blob' | 'table'): string => {
    const name = setting(`${service}ServiceUri`);
    const given = env[name] ?? (accountName && `https://${accountName}.${service}.core.windows.net`);
    if (!given) {
      const or = `a connection string in ${connection}, ${setting('accountName')}, or ${setting('blobServiceUri')} and ${setting('tableServiceUri')}`;
      throw new ConfigError(
        accountGiven(env, connection) ? name : connection,
        `must be set where STORAGE is azure: ${or}.`,
      );
    }
    const url = serviceAddress(name, given);
    if (!url.startsWith('https:')) throw new ConfigError(name, 'must be an https URL: identities send tokens.');
    return url;
  };
  const blobUrl = address('blob');
  return {
    name: accountName ?? nameIn(blobUrl),
    blobUrl,
    tableUrl: address('table'),
    credential: {
      kind: 'identity',
      isManaged: credential !== undefined,
      clientId: env[setting('clientId')],
      tokenEndpoint: env.IDENTITY_ENDPOINT,
    },
  };
}

const accountGiven = (env: Record<string, string | undefined>, connection: string) =>
  Object.keys(env).some((name) => name.startsWith(`${connection}__`) && name.endsWith('ServiceUri'));

function serviceAddress(setting: string, text: string): string {
  const parsed = z.url({ protocol: /^https?$/ }).safeParse(text);
  if (!parsed.success) throw new ConfigError(setting, 'must hold http or https addresses of the storage services.');
  return parsed.data.replace(/\/+$/, '');
}

const nameIn = (url: string): string => new URL(url).hostname.split('.')[0] ?? '';
