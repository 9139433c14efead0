/** The signing keys that the Bot Framework publishes, each with the channels that it may sign for. */
import type { BotSettings } from '../botSettings';
import type { SigningKeys } from '../identity/ports';
import { publishedKeys, type PublishedKeysOptions } from './publishedKeys';

/** The metadata of the settings say who the issuer is. */
export const botKeys = ({
  metadataUrl,
  now,
  logFault,
}: Pick<BotSettings, 'metadataUrl'> & Pick<PublishedKeysOptions, 'now' | 'logFault'>): SigningKeys =>
  publishedKeys({
    owner: 'the Bot Framework',
    issuersOf: 'the Bot Framework',
    address: metadataUrl,
    metadata: [{ url: metadataUrl, isIssuer: () => true }],
    now,
    logFault,
  });
