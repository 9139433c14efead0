/** Whether an address is this very server's: an upstream there would call itself without end. */
import { hostname, networkInterfaces } from 'node:os';

/** Compares host and port with those that the host platform and the local host are told by `WEBSITE_HOSTNAME`, `HOST` and `PORT`. */
export function isOwnAddress(url: string, env: NodeJS.ProcessEnv): boolean {
  const { hostname: name, port, protocol } = new URL(url);
  const wanted = `${machineOf(name)}:${port || (protocol === 'https:' ? '443' : '80')}`;
  return ownAddresses(env).includes(wanted);
}

function ownAddresses({ WEBSITE_HOSTNAME, HOST = '127.0.0.1', PORT }: NodeJS.ProcessEnv): string[] {
  const own: string[] = [];
  if (PORT) own.push(`${machineOf(HOST)}:${PORT}`);
  const [, name, port] = /^(.+?)(?::(\d+))?$/.exec(WEBSITE_HOSTNAME ?? '') ?? [];
  if (name) own.push(`${machineOf(name)}:${port ?? '443'}`);
  return own;
}

/** One word for every name of this machine. */
function machineOf(host: string): string {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  const isLoopback = /^(localhost|127(\.\d+){3}|0\.0\.0\.0|::1?)$/.test(name);
  return isLoopback || name === hostname().toLowerCase() || interfaceAddresses().includes(name) ? 'this machine' : name;
}

const interfaceAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
