/** Which IP addresses are of the open Internet: those that a caller may have this server connect to. */
import { BlockList, isIP } from 'node:net';
import { canonicalHost } from '../allowedHosts';

// IANA's special-purpose registry for IPv4, multicast and the reserved rest.
const notPublic4: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Azure's platform address, which every machine there reaches: it serves the VM agent and DNS.
  ['168.63.129.16', 32],
];

// Within 2000::/3: protocol assignments with Teredo and ORCHID, documentation, 6to4.
const notPublic6: [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const special = new BlockList();
for (const [network, prefix] of notPublic4) special.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of notPublic6) special.addSubnet(network, prefix, 'ipv6');
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Whether an IP address is public; `false` for what is no IP address. IPv4 addresses inside mapped and NAT64 addresses are judged as themselves. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const canonical = canonicalHost(address);
  if (canonical === undefined) return false;
  if (isIP(canonical) === 4) return !special.check(canonical, 'ipv4');
  // RFC 4291 section 2.5.5.2 and RFC 6052 section 2.1.
  const embedded = /^(?:::ffff|64:ff9b:):(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/.exec(canonical);
  if (embedded) return isPublicAddress(dotted(embedded[1] ?? '0', embedded[2] ?? '0'));
  return globalUnicast.check(canonical, 'ipv6') && !special.check(canonical, 'ipv6');
}

function dotted(high: string, low: string): string {
  return [high, low].flatMap((word) => [parseInt(word, 16) >> 8, parseInt(word, 16) & 255]).join('.');
}
