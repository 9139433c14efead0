/** Verifies tokens of bot channels: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication. */
import type { BotSettings } from '../botSettings';
import { errors } from '../errors';
import type { ChannelClaims, Principal } from '../principal';
import type { SigningKeys } from './ports';
import { verifiedToken } from './verifiedToken';

/** By how much clocks may differ, in seconds: the Bot Framework's own rule. */
const CLOCK_SKEW = 300;

export interface ChannelTokensOptions {
  settings: BotSettings;
  keys: SigningKeys;
  /** Unix milliseconds. */
  now: () => number;
  /** Who verifies tokens for other audiences; absent: they are refused. */
  otherwise?: (token: string) => Promise<Principal>;
}

/**
 * A function that verifies signature, issuer, audience and times of a token that a channel sends with an activity. It throws as `accessTokens` does. That the activity
 * is the token's is for {@link checkChannel}.
 */
export function channelTokens(options: ChannelTokensOptions): (token: string) => Promise<Principal> {
  const { settings, keys, now, otherwise } = options;
  const { appId, tenant, project } = settings;
  const rules = {
    keys,
    audience: [appId],
    audienceSetting: 'BOT_APP_ID',
    clockSkew: CLOCK_SKEW,
    requiredClaims: ['exp'],
    now,
  };

  return async (token) => {
    if (otherwise && !(await isFor(token, appId))) return otherwise(token);
    const { payload, issuer, kid } = await verifiedToken(token, rules);
    const { serviceurl, serviceUrl = serviceurl } = payload;
    if (typeof serviceUrl !== 'string') throw errors.wrongToken("It lacks the claim 'serviceurl'.");
    const channel: ChannelClaims = { serviceUrl, endorsements: await keys.endorsements(issuer, kid) };
    return { tenant, project, role: 'user', id: `bot:${appId}`, channel };
  };
}

/** Whether the token says that it is for that audience. It may lie: this only chooses who verifies it. */
async function isFor(token: string, audience: string): Promise<boolean> {
  const { decodeJwt, errors: jose } = await import('jose');
  try {
    return [decodeJwt(token).aud].flat().includes(audience);
  } catch (error) {
    if (error instanceof jose.JOSEError) return false;
    throw error;
  }
}

/** Throws 403 where an activity is not that of the channel whose token came with it. */
export function checkChannel(
  { channel }: Principal,
  { serviceUrl, channelId }: { serviceUrl?: string | null; channelId?: string | null },
): void {
  if (!channel) return;
  if (serviceUrl !== channel.serviceUrl) throw errors.wrongChannel("Its 'serviceUrl' is another.");
  const { endorsements } = channel;
  if (endorsements && !endorsements.includes(channelId ?? ''))
    throw errors.wrongChannel("The token's key is not endorsed for its 'channelId'.");
}
