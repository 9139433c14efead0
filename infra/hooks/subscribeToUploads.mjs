// Deploys app/blobSubscription.bicep after the app: only then does the webhook of the blob trigger exist. Tries for some minutes, since a new app
// takes a while until it has loaded its triggers, and a new role until it counts.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ATTEMPTS = 12;
const pause = Number(process.env.SUBSCRIPTION_PAUSE_SECONDS ?? 20);

const missing = [];
const setting = (name) => {
  const value = process.env[name]?.trim();
  if (!value) missing.push(name);
  return value;
};

const options = [
  ['--subscription', setting('AZURE_SUBSCRIPTION_ID')],
  ['--resource-group', setting('AZURE_RESOURCE_GROUP')],
  ['--name', 'blob-subscription'],
  ['--template-file', 'infra/app/blobSubscription.bicep'],
  ['--output', 'none'],
].flat();
const parameters = [
  `functionAppName=${setting('AZURE_FUNCTION_NAME')}`,
  `topicName=${setting('BLOB_EVENTS_TOPIC_NAME')}`,
  `storageAccountName=${setting('AZURE_STORAGE_ACCOUNT_NAME')}`,
];

/** What is in the way in the end, or undefined. */
async function subscribe() {
  for (let attempt = 1; ; attempt += 1) {
    const { status, error, stderr } = spawnSync(
      'az',
      ['deployment', 'group', 'create', ...options, '--parameters', ...parameters],
      {
        cwd: fileURLToPath(new URL('../..', import.meta.url)),
        encoding: 'utf8',
        stdio: ['ignore', 'inherit', 'pipe'],
        shell: process.platform === 'win32',
      },
    );
    if (status === 0) return undefined;
    const reason = error?.code === 'ENOENT' ? 'the Azure CLI (az) is not installed' : (stderr ?? String(error)).trim();
    const isHopeless = error?.code === 'ENOENT' || /az login/.test(reason);
    if (isHopeless || attempt === ATTEMPTS)
      return `Uploads are not ingested by themselves yet: ${reason}\nThen run: azd hooks run postdeploy`;
    console.log(`The app is not ready for the subscription of uploads yet (${attempt} of ${ATTEMPTS}).`);
    await new Promise((resolve) => setTimeout(resolve, pause * 1000));
  }
}

const fault =
  missing.length > 0 ? `${missing.join(', ')} not set: run this by azd, after azd provision.` : await subscribe();
if (fault) {
  console.error(fault);
  process.exitCode = 1;
} else {
  console.log('Blobs put into the container uploads are ingested.');
}
