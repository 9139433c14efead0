/** `npm run keys`: makes, lists and revokes API keys while the hosts run. */
import { runCommand, tell, UsageError } from './commandLine';
import { applyLocalSettings } from './hostSettings';
import { HELP, readArguments, type KeysCommand } from './keys/arguments';

async function run(command: Exclude<KeysCommand, { name: 'help' }>): Promise<void> {
  await applyLocalSettings(process.cwd(), process.env);
  // Only here: it takes the stores along, and a wrong argument should be told at once.
  const { openApiKeys } = await import('../openApiKeys.js');
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

const dateOf = (seconds: number | null): string =>
  seconds === null ? 'never' : new Date(seconds * 1000).toISOString().replace(/\.000Z$/, 'Z');

void runCommand<Exclude<KeysCommand, { name: 'help' }>>(HELP, readArguments, run);
