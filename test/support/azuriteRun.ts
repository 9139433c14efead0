/** Jest's global setup of `npm run test:azure`: one Azurite for all test files. */
import { AZURITE_CONNECTION, startAzurite, type Azurite } from './azurite';

let azurite: Azurite | undefined;

export default async function setUp(): Promise<void> {
  azurite = await startAzurite();
  process.env[AZURITE_CONNECTION] = azurite.connectionString;
}

export async function stopAzurite(): Promise<void> {
  await azurite?.stop();
}
