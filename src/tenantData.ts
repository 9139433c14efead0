/** What `npm run tenant` works with: the store of the settings, without the rest of the app. */
import { closeAll } from './closeAll';
import { readStateSettings } from './config';
import { createApiKeys } from './identity/apiKeys';
import { logFault } from './log';
import { openStorage } from './openStorage';
import { fileBlob } from './retrieval/files';
import { removeStoreRemains } from './retrieval/retention';
import { exportTenant, type TenantExport } from './tenants/exportTenant';
import { removeTenant, type RemovedTenant } from './tenants/removeTenant';
import { createUsage, type DailyUsage } from './tenants/usage';

/** What the command does. */
export interface TenantData {
  /** Throws ExportError. */
  exportTo(tenant: string, folder: string): Promise<TenantExport>;
  /** Throws TenantInUseError. */
  remove(tenant: string): Promise<RemovedTenant>;
  usage(tenant: string, start: string, end: string): Promise<DailyUsage[]>;
  close(): Promise<void>;
}

/** Hosts forget revoked keys within ten seconds, and write the usage that they have counted as often. */
const SETTLE_MS = 12_000;

/** Opens the store of the settings. Throws {@link ConfigError}. */
export async function openTenantData(env: NodeJS.ProcessEnv): Promise<TenantData> {
  const { records, blobs, index } = await openStorage(readStateSettings(env), logFault);
  const apiKeys = createApiKeys({ records, now: Date.now });
  const usage = createUsage({ records, now: Date.now, logFault });
  return {
    exportTo: async (tenant, folder) =>
      exportTenant(
        { records, blobs, apiKeys, fileBlob: (project, id) => fileBlob({ tenant, project }, id) },
        tenant,
        folder,
      ),
    remove: async (tenant) =>
      removeTenant(
        {
          records,
          blobs,
          apiKeys,
          removeStoreRemains: async (id) => removeStoreRemains({ records, blobs, index }, { tenant, id }),
          settleMs: SETTLE_MS,
        },
        tenant,
      ),
    usage: async (tenant, start, end) => usage.read(tenant, start, end),
    close: async () => closeAll([() => index.close(), () => records.close()]),
  };
}
