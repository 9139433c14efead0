/** Addresses that signing keys may be read from. */

const THIS_MACHINE = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:|$)/;

/** The address, or undefined for what is none: keys that come over plain HTTP are no proof, except from this machine itself. */
export function trustedAddress(given: string): URL | undefined {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || url.username) return undefined;
  return url.protocol === 'https:' || THIS_MACHINE.test(url.origin) ? url : undefined;
}
