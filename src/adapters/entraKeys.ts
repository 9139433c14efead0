/** The signing keys that an Entra authority publishes. */
import type { SigningKeys } from '../identity/ports';
import { publishedKeys, type PublishedKeysOptions } from './publishedKeys';

export interface EntraKeysOptions extends Pick<PublishedKeysOptions, 'now' | 'logFault'> {
  /** Origin without a slash at the end. */
  authority: string;
  tenantId: string;
}

/** Keys by issuer, of tokens of both versions: each has metadata of its own, which names issuer and keys. */
export function entraKeys({ authority, tenantId, now, logFault }: EntraKeysOptions): SigningKeys {
  // The authority signs for every tenant with the same keys: its issuer must be that of ours.
  const isIssuer = (issuer: string): boolean => issuer.toLowerCase().includes(tenantId);
  const metadata = [`${authority}/${tenantId}`, `${authority}/${tenantId}/v2.0`].map((base) => ({
    url: `${base}/.well-known/openid-configuration`,
    isIssuer,
  }));
  return publishedKeys({
    owner: 'Entra ID',
    issuersOf: 'the Entra tenant',
    address: authority,
    metadata,
    now,
    logFault,
  });
}
