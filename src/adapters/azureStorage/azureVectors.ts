/** The place of the vector index in a storage account, as LanceDB takes it. */
import type { StorageAccount, StorageCredential } from '../../storageAccount';
import { storageClients } from './clients';

/** Makes the container `vectors` and resolves with its address and the options to reach it. */
export async function azureVectors(
  account: StorageAccount,
  prefix: string,
): Promise<{ address: string; options: Record<string, string> }> {
  const container = `${prefix}vectors`;
  await (await storageClients(account)).blobs.getContainerClient(container).createIfNotExists();
  return { address: `az://${container}`, options: objectStoreOptions(account) };
}

/** The account as options of the `object_store` library, through which LanceDB reaches it on its own. */
export function objectStoreOptions({ name, blobUrl, credential }: StorageAccount): Record<string, string> {
  return {
    azure_storage_account_name: name,
    azure_storage_endpoint: blobUrl,
    ...(blobUrl.startsWith('http:') && { allow_http: 'true' }),
    ...credentialOptions(credential),
  };
}

/** Without a key or a signature the library asks for tokens of a managed identity. */
function credentialOptions(credential: StorageCredential): Record<string, string> {
  if (credential.kind === 'key') return { azure_storage_account_key: credential.key };
  if (credential.kind === 'sas') return { azure_storage_sas_token: credential.signature };
  const { isManaged, clientId, tokenEndpoint } = credential;
  // Whoever is signed in on a developer's machine.
  if (!isManaged && tokenEndpoint === undefined) return { azure_use_azure_cli: 'true' };
  return {
    ...(clientId !== undefined && { azure_storage_client_id: clientId }),
    ...(tokenEndpoint !== undefined && { azure_msi_endpoint: tokenEndpoint }),
  };
}
