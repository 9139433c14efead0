import type { AccessToken, TokenCredential } from '@azure/identity';
import { azureToken } from '../../src/adapters/azureToken';
import { manualClock } from '../support/manualClock';

const HOUR = 3_600_000;

/** Gives `token 1`, `token 2` …, each for an hour; `fail` makes it refuse. */
function hourlyCredential(clock: { time: number }) {
  const credential = {
    scopes: [] as (string | string[])[],
    fail: undefined as Error | undefined,
    async getToken(scopes: string | string[]): Promise<AccessToken> {
      credential.scopes.push(scopes);
      await new Promise(setImmediate);
      if (credential.fail) throw credential.fail;
      return { token: `token ${credential.scopes.length}`, expiresOnTimestamp: clock.time + HOUR };
    },
  };
  return credential satisfies TokenCredential;
}

/** The credential answers in the next turn of the event loop. */
const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

it('asks for the scope of Azure OpenAI once, however many want the token', async () => {
  const clock = manualClock();
  const credential = hourlyCredential(clock);
  const token = azureToken({ credential, now: clock.now });
  await expect(Promise.all([token(), token(), token()])).resolves.toEqual(['token 1', 'token 1', 'token 1']);
  clock.time += HOUR / 2;
  await expect(token()).resolves.toBe('token 1');
  expect(credential.scopes).toEqual(['https://cognitiveservices.azure.com/.default']);
});

it('renews the token before it expires, while the old one serves', async () => {
  const clock = manualClock();
  const credential = hourlyCredential(clock);
  const token = azureToken({ credential, now: clock.now });
  await token();
  clock.time += HOUR - 4 * 60_000;
  await expect(Promise.all([token(), token()])).resolves.toEqual(['token 1', 'token 1']);
  await settled();
  await expect(token()).resolves.toBe('token 2');
  expect(credential.scopes).toHaveLength(2);
});

it('renews the token when the service asks for it to be renewed', async () => {
  const clock = manualClock();
  const base = hourlyCredential(clock);
  const credential: TokenCredential = {
    getToken: async (scopes) => ({ ...(await base.getToken(scopes)), refreshAfterTimestamp: clock.time + HOUR / 4 }),
  };
  const token = azureToken({ credential, now: clock.now });
  await token();
  clock.time += HOUR / 2;
  await expect(token()).resolves.toBe('token 1');
  await settled();
  await expect(token()).resolves.toBe('token 2');
});

it('waits for a new token once the old one has expired', async () => {
  const clock = manualClock();
  const token = azureToken({ credential: hourlyCredential(clock), now: clock.now });
  await token();
  clock.time += HOUR;
  await expect(token()).resolves.toBe('token 2');
});

it('lets the old token serve when its renewal fails, tries again, and fails once it has expired', async () => {
  const clock = manualClock();
  const credential = hourlyCredential(clock);
  const token = azureToken({ credential, now: clock.now });
  await token();
  credential.fail = new Error('identity endpoint down');
  clock.time += HOUR - 60_000;
  await expect(token()).resolves.toBe('token 1');
  await settled();
  await expect(token()).resolves.toBe('token 1');
  await settled();
  expect(credential.scopes).toHaveLength(3);
  clock.time += 60_000;
  await expect(token()).rejects.toThrow('identity endpoint down');
  credential.fail = undefined;
  await expect(token()).resolves.toBe('token 5');
});
