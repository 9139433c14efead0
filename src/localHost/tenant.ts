/** `npm run tenant`: exports or deletes one tenant's data, or shows its usage, while the hosts run. */
import { createInterface } from 'node:readline/promises';
import { runCommand, tell } from './commandLine';
import { applyLocalSettings } from './hostSettings';
import { HELP, readArguments, type TenantCommand } from './tenant/arguments';

class NotConfirmedError extends Error {
  override readonly name = 'NotConfirmedError';
}

async function run(command: Exclude<TenantCommand, { name: 'help' }>): Promise<void> {
  await applyLocalSettings(process.cwd(), process.env);
  if (command.name === 'delete' && !command.isConfirmed) await confirm(command.tenant);
  // Only here: it takes the stores along, and a wrong argument should be told at once.
  const { openTenantData } = await import('../tenantData.js');
  const data = await openTenantData(process.env);
  const { tenant } = command;
  try {
    switch (command.name) {
      case 'export': {
        const { records, files } = await data.exportTo(tenant, command.folder);
        tell(`${records} records and ${files} files of ${tenant} are in ${command.folder}.`);
        return;
      }
      case 'delete': {
        tell(
          `Everything of ${tenant} is being deleted; then it is looked whether anything is left, which takes some seconds.`,
        );
        const removed = await data.remove(tenant);
        process.stdout.write(`${JSON.stringify(removed)}\n`);
        tell(`Nothing of ${tenant} is left. Keys in API_KEYS and principals in ENTRA_PRINCIPALS stay as they are.`);
        return;
      }
      case 'usage': {
        const rows = await data.usage(tenant, command.start, command.end);
        if (rows.length > 0) console.table(rows);
        else tell(`${tenant} used no model service from ${command.start} to ${command.end}.`);
      }
    }
  } finally {
    await data.close();
  }
}

/** Asks for the tenant's name. Throws where it is not given. */
async function confirm(tenant: string): Promise<void> {
  const dialog = createInterface({ input: process.stdin, output: process.stderr });
  // At the end of the input nobody answers any more.
  const ended = new Promise<string>((resolve) => dialog.once('close', () => resolve('')));
  const asked = dialog.question(
    `Everything of the tenant '${tenant}' will be gone for good. Type its name to delete it: `,
  );
  const answer = await Promise.race([asked, ended]);
  dialog.close();
  if (answer.trim() !== tenant) throw new NotConfirmedError('Nothing was deleted.');
}

void runCommand<Exclude<TenantCommand, { name: 'help' }>>(HELP, readArguments, run, [
  'ExportError',
  'TenantInUseError',
  'NotConfirmedError',
]);
