/** Where the containers of blob triggers are: in the storage account of the trigger's connection, or in a folder. */
import { join } from 'node:path';
import { isConnectionGiven, readAccount } from '../storageAccount';
import type { BlobContainer } from './blobContainer';
import { folderContainer } from './folderContainer';

export interface BlobContainersOptions {
  /** Holds the containers that are folders. */
  folder: string;
  /** The folder, although the connection is set. */
  onlyFolder: boolean;
  env: NodeJS.ProcessEnv;
}

/** A function that opens the container of a connection. Rejects with a ConfigError when the connection's settings are wrong. */
export function blobContainers({ folder, onlyFolder, env }: BlobContainersOptions) {
  return async (connection: string, container: string): Promise<BlobContainer> => {
    // An empty setting counts as absent.
    const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
    if (onlyFolder || !isConnectionGiven(given, connection)) return folderContainer(join(folder, container));
    const account = readAccount(given, connection);
    // Loaded only here: whoever works with files does not pay for the library.
    const { blobService, tokenCredential } = await import('../blobService.js');
    const { accountContainer } = await import('./accountContainer.js');
    const service = blobService(account, await tokenCredential(account.credential));
    return accountContainer(service, container, given.AzureFunctionsWebHost__hostid ?? 'local');
  };
}
