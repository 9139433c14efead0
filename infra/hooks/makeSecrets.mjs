// Makes the secrets that nobody has set, before `azd provision`; azd keeps them in .azure, which git ignores.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

const random = () => randomBytes(32).toString('hex');
const missing = (name) => !process.env[name]?.trim();

const made = {};
if (missing('API_KEYS')) made.API_KEYS = `default:${random()}`;
if (process.env.USE_MONGO_CLUSTER === 'true' && missing('MONGO_ADMINISTRATOR_PASSWORD')) {
  // Capitals, small letters and digits: the service asks for three kinds of characters.
  made.MONGO_ADMINISTRATOR_PASSWORD = `Az1${random()}`;
}

for (const [name, value] of Object.entries(made)) {
  const { status, error } = spawnSync('azd', ['env', 'set', name, value], {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error(`${name} could not be set: ${error?.message ?? `azd ended with ${status}`}.`);
    process.exitCode = 1;
    break;
  }
  console.log(`${name} was made: azd env get-value ${name} shows it.`);
}
