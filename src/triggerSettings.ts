/** What the registration of triggers takes from the settings. */
import { settings } from './app';
import { ConfigError, type Config } from './config';
import { UPLOADS } from './retrieval/uploadFailures';

/** The container's name in the account, or that of its folder. */
export const uploadContainer = (storage: Config['storage']): string =>
  storage.kind === 'azure' ? storage.prefix + UPLOADS : UPLOADS;

/** What the blob trigger watches, and how its host learns of new blobs. */
export interface UploadTrigger {
  container: string;
  source: Config['blobTriggerSource'];
}

/** It must not throw: with a wrong setting every request says which. */
export function triggerSettings(): { uploads: UploadTrigger; maintenanceSeconds: number } {
  try {
    const { storage, blobTriggerSource, maintenanceSeconds } = settings();
    return { uploads: { container: uploadContainer(storage), source: blobTriggerSource }, maintenanceSeconds };
  } catch (error) {
    if (error instanceof ConfigError)
      return { uploads: { container: UPLOADS, source: 'polling' }, maintenanceSeconds: 60 };
    throw error;
  }
}
