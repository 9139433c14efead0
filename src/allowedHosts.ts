/** `DATA_SOURCE_ALLOWED_HOSTS` and `MCP_ALLOWED_HOSTS`: hosts that the operator vouches for. */
import { isIPv6 } from 'node:net';
import { ConfigError } from './configError';

export interface AllowedHost {
  /** Canonical ({@link canonicalHost}). */
  name: string;
  /** `*.name`: every name below it, but not the name itself. */
  subdomains: boolean;
  /** Absent: every port. */
  port?: number;
}

/**
 * One spelling of a host: lower case, no brackets, no trailing dot, IP addresses as WHATWG URLs write them (so `0x7f.1` and `2130706433` are
 * `127.0.0.1`). Undefined for what no URL can hold.
 */
export function canonicalHost(host: string): string | undefined {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  // Anything that a URL gives a meaning of its own would be cut off by the parser, and another host be judged than the one that is used.
  if (/[/?#@\\\s]/.test(bare) || (bare.includes(':') && !isIPv6(bare))) return undefined;
  const url = `http://${bare.includes(':') ? `[${bare}]` : bare}/`;
  if (!URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** Hosts joined by commas, each with `*.` before or `:port` behind it. Throws {@link ConfigError} that names the setting. */
export function readAllowedHosts(value: string | undefined, setting = 'DATA_SOURCE_ALLOWED_HOSTS'): AllowedHost[] {
  if (value === undefined) return [];
  return value.split(',').map((entry) => {
    const text = entry.trim();
    const [, wildcard, host = '', port] =
      /^(\*\.)?(\[[^\]]*\]|[^:[\]]*|[^[\]]*:[^[\]]*:[^[\]]*)(?::(\d{1,5}))?$/.exec(text) ?? [];
    const name = host.includes('*') ? undefined : canonicalHost(host);
    if (!name || (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))) {
      throw new ConfigError(
        setting,
        'must be hosts joined by commas, such as search.example.com,*.search.windows.net,10.0.0.5:9200.',
      );
    }
    return { name, subdomains: wildcard !== undefined, ...(port !== undefined && { port: Number(port) }) };
  });
}

/** Whether the list has the host; without `port`, whether it has it for any port. */
export function isAllowedHost(hosts: readonly AllowedHost[], host: string, port?: number): boolean {
  const name = canonicalHost(host);
  return hosts.some(
    (allowed) =>
      (allowed.subdomains ? name?.endsWith(`.${allowed.name}`) : name === allowed.name) &&
      (allowed.port === undefined || port === undefined || allowed.port === port),
  );
}
