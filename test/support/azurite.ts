/** The storage account that tests run against: Azurite in a process of its own, on free ports, with its data in memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { readStorage, type StorageAccount } from '../../src/storageAccount';

const NAME = 'devstoreaccount1';
/** Published, and the same in every emulator. */
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export interface Azurite {
  connectionString: string;
  account: StorageAccount;
  /** Letters and digits that no other call was given: for names of containers and tables. */
  newPrefix: () => string;
  stop: () => Promise<void>;
}

/** The environment variable by which a run of many test files is given one Azurite. */
export const AZURITE_CONNECTION = 'TEST_AZURITE_CONNECTION';

/** A connection string to services at these addresses, which may be those of proxies. */
export const connectionStringTo = (urls: { blob: string; table: string }): string =>
  `AccountName=${NAME};AccountKey=${KEY};BlobEndpoint=${urls.blob}/${NAME};TableEndpoint=${urls.table}/${NAME}`;

export function accountOf(connectionString: string): StorageAccount {
  const storage = readStorage({ AzureWebJobsStorage: connectionString });
  if (storage.kind !== 'azure') throw new Error('The connection string gives no account.');
  return storage.account;
}

let prefixes = 0;
/** Short, unlike any of another process that shares the account. */
export const newStoragePrefix = (): string =>
  `t${process.pid.toString(36)}${Date.now().toString(36)}${(prefixes++).toString(36)}`;

/** Starts Azurite; it ends with this process at the latest. Where the run has one already, that one serves. */
export async function startAzurite(): Promise<Azurite> {
  const given = process.env[AZURITE_CONNECTION];
  if (given)
    return {
      connectionString: given,
      account: accountOf(given),
      newPrefix: newStoragePrefix,
      stop: async () => undefined,
    };
  const ports = ['--blobPort', '0', '--queuePort', '0', '--tablePort', '0'];
  const hosts = ['--blobHost', '127.0.0.1', '--queueHost', '127.0.0.1', '--tableHost', '127.0.0.1'];
  const flags = ['--inMemoryPersistence', '--silent', '--disableTelemetry', '--skipApiVersionCheck'];
  const script = require.resolve('azurite/dist/src/azurite.js');
  const child = spawn(process.execPath, [script, ...ports, ...hosts, ...flags], {
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const endWithParent = () => child.kill('SIGKILL');
  process.once('exit', endWithParent);
  const urls = new Map<string, string>();
  let printed = '';
  await new Promise<void>((resolve, reject) => {
    const take = (line: string) => {
      printed = `${printed}${line}\n`.slice(-10_000);
      const [, service, url] = /^Azurite (\w+) service is successfully listening at (\S+)/.exec(line) ?? [];
      if (service && url) urls.set(service, url);
      if (urls.size === 3) resolve();
    };
    createInterface({ input: child.stdout }).on('line', take);
    createInterface({ input: child.stderr }).on('line', take);
    child.once('exit', (code) => reject(new Error(`Azurite ended with ${code}:\n${printed}`)));
  });
  const connectionString = connectionStringTo({ blob: urls.get('Blob') ?? '', table: urls.get('Table') ?? '' });
  return {
    connectionString,
    account: accountOf(connectionString),
    newPrefix: newStoragePrefix,
    async stop() {
      process.off('exit', endWithParent);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
