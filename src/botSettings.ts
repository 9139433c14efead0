/** The settings of a bot of the Azure Bot Service: whose tokens come with activities, and whom they let in. */
import { ConfigError } from './configError';
import { TENANT_NAME } from './principal';
import { trustedAddress } from './trustedAddress';

export interface BotSettings {
  /** The application id of the bot's registration: the audience of its channels' tokens. */
  appId: string;
  /** The tenant that activities belong to. */
  tenant: string;
  /** The only project whose agents they reach. */
  project: string;
  /** Address of the metadata of whoever signs the tokens. */
  metadataUrl: string;
}

/** Of the public cloud: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication. */
const METADATA_URL = 'https://login.botframework.com/v1/.well-known/openidconfiguration';

/** @param env Settings that are not empty. Undefined where no channel's tokens are accepted. Throws {@link ConfigError}. */
export function readBot(env: Record<string, string | undefined>): BotSettings | undefined {
  const appId = env.BOT_APP_ID?.trim();
  if (appId === undefined) {
    const lone = ['BOT_TENANT', 'BOT_PROJECT', 'BOT_METADATA_URL'].find((name) => env[name]);
    if (lone) throw new ConfigError(lone, 'has no meaning without BOT_APP_ID.');
    return undefined;
  }
  const tenant = env.BOT_TENANT?.trim() ?? '';
  if (!TENANT_NAME.test(tenant))
    throw new ConfigError('BOT_TENANT', 'must be set beside BOT_APP_ID: the tenant of its agents.');
  const project = env.BOT_PROJECT?.trim() ?? '';
  if (!/^[^\s/]{1,128}$/.test(project))
    throw new ConfigError('BOT_PROJECT', 'must be set beside BOT_APP_ID: the project of its agents.');
  return { appId, tenant, project, metadataUrl: readMetadataUrl(env.BOT_METADATA_URL) };
}

function readMetadataUrl(given = METADATA_URL): string {
  const url = trustedAddress(given);
  if (!url) throw new ConfigError('BOT_METADATA_URL', `must be an https address, such as ${METADATA_URL}.`);
  return url.href;
}
