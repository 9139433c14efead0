/** `npm run keys`: makes, lists and revokes API keys while the hosts run. */
import { ConfigError } from '../config';
import { ApiError } from '../errors';
import { applyLocalSettings } from './hostSettings';
import { HELP, readArguments, UsageError, type KeysCommand } from './keys/arguments';

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

async function main(): Promise<number> {
  try {
    const command = readArguments(process.argv.slice(2), Date.now());
    if (command.name === 'help') process.stdout.write(HELP);
    else await run(command);
    return DONE;
  } catch (error) {
    const isPlain = error instanceof ConfigError || error instanceof ApiError || error instanceof UsageError;
    process.stderr.write(`${isPlain ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    if (!(error instanceof UsageError)) return FAILED;
    process.stderr.write(`\n${HELP}`);
    return WRONG_USAGE;
  }
}

async function run(command: Exclude<KeysCommand, { name: 'help' }>): Promise<void> {
  await applyLocalSettings(process.cwd(), process.env);
  // Only here: it takes the whole app along, and a wrong argument should be told at once.
  const { openApiKeys } = await import('../app.js');
  const keys = await openApiKeys(process.env);
  try {
    switch (command.name) {
      case 'create': {
        const { key, record } = await keys.create(command);
        process.stdout.write(`${key}\n`);
        tell(`${record.id}: ${record.role} of ${record.tenant}, expires ${dateOf(record.expires_at)}.`);
        tell('The key is shown this once. It works everywhere within ten seconds.');
        return;
      }
      case 'list': {
        const rows = (await keys.list(command.tenant)).map((key) => ({
          id: key.id,
          tenant: key.tenant,
          role: key.role,
          key: `${key.prefix}…`,
          created: dateOf(key.created_at),
          expires: key.expires_at !== null && key.expires_at * 1000 <= Date.now() ? 'expired' : dateOf(key.expires_at),
        }));
        if (rows.length > 0) console.table(rows);
        else tell('There are no keys. API_KEYS is not listed here.');
        return;
      }
      case 'revoke': {
        const revoked = await keys.revoke(command.id);
        if (!revoked) throw new UsageError(`There is no key '${command.id}'.`);
        tell(`${revoked.id} of ${revoked.tenant} (${revoked.prefix}…) is revoked. It works nowhere after ten seconds.`);
      }
    }
  } finally {
    await keys.close();
  }
}

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

const dateOf = (seconds: number | null): string =>
  seconds === null ? 'never' : new Date(seconds * 1000).toISOString().replace(/\.000Z$/, 'Z');

void main().then((code) => {
  process.exitCode = code;
});
