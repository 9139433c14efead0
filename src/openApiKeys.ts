/** What `npm run keys` works with: the keys in the store of the settings, without the rest of the app. */
import { readStateSettings } from './config';
import { createApiKeys, type ApiKeys } from './identity/apiKeys';
import { logFault } from './log';
import { openRecords } from './openStorage';

/** What makes, lists and revokes keys. Throws {@link ConfigError}. */
export async function openApiKeys(env: NodeJS.ProcessEnv): Promise<ApiKeys & { close: () => Promise<void> }> {
  const records = await openRecords(readStateSettings(env), logFault);
  return { ...createApiKeys({ records, now: Date.now }), close: async () => records.close() };
}
