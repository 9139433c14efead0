/** What the edge needs of the settings: who calls, what it tells the audit, how large bodies may be. */
import { botKeys } from './adapters/botKeys';
import { entraKeys } from './adapters/entraKeys';
import { services, settings } from './app';
import { auditLine, auditInstead } from './auditEvent';
import type { Config } from './config';
import { createAuthentication } from './http/authentication';
import type { EdgeSettings } from './http/family';
import { accessTokens } from './identity/accessTokens';
import { isApiKey } from './identity/apiKeys';
import { channelTokens } from './identity/channelTokens';
import { logFault } from './log';

let edge: EdgeSettings | undefined;

/** Made with the first request. Throws {@link ConfigError}. */
export function edgeSettings(): EdgeSettings {
  edge ??= buildEdge(settings());
  return edge;
}

function buildEdge({ apiKeys, entra, bot, maxBodyBytes, audit }: Config): EdgeSettings {
  const now = Date.now;
  const ofToken = entra && accessTokens({ settings: entra, keys: entraKeys({ ...entra, now, logFault }), now });
  const credentials = {
    apiKeys,
    ofKey: async (key: string) => (isApiKey(key) ? (await services()).ofApiKey(key) : undefined),
    ofToken,
    challenge: entra
      ? `Bearer authorization_uri="${entra.authority}/${entra.tenantId}/oauth2/authorize", resource_id="${entra.audiences[0] ?? ''}"`
      : 'Bearer realm="azure-openai-functions"',
  };
  const authenticate = createAuthentication(credentials);
  const ofChannel =
    bot && channelTokens({ settings: bot, keys: botKeys({ ...bot, now, logFault }), now, otherwise: ofToken });
  const authenticateChannel = ofChannel ? createAuthentication({ ...credentials, ofToken: ofChannel }) : authenticate;
  return { authenticate, authenticateChannel, maxBodyBytes, audit: auditOf(audit) };
}

/** What the edge tells of operations that change something. The store may be what fails: then the log has the event. */
function auditOf(place: Config['audit']): EdgeSettings['audit'] {
  if (place === 'off') return undefined;
  if (place === 'log') return (event, invocation) => Promise.resolve(invocation.log(auditLine(event)));
  return async (event) => {
    try {
      await (await services()).audit.write(event);
    } catch (error) {
      auditInstead(event, error);
    }
  };
}
