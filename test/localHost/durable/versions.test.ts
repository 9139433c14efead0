/** Versions of orchestrations over deployments: older instances go on, and know how old they are; newer ones fail. */
import * as df from 'durable-functions';
import { isNewerVersion } from '../../../src/localHost/durable/orchestrationVersion';
import { ended, startHost, until, type DurableHost } from './fixtures/durableHost';

jest.mock(
  '@azure/functions-core',
  () => jest.requireActual<{ coreModule: object }>('./fixtures/coreModule').coreModule,
  { virtual: true },
);

df.app.orchestration('versioned', function* (context) {
  context.df.setCustomStatus('waiting');
  yield context.df.waitForExternalEvent('go');
  return context.df.version ?? 'none';
});

let host: DurableHost;
afterEach(async () => host.close());

const begin = async (given: { version?: string } = {}): Promise<string> => {
  const id = await host.client.startNew('versioned', given);
  await until(async () => (await host.client.getStatus(id)).customStatus === 'waiting');
  return id;
};
const goOn = async (id: string) => {
  await host.client.raiseEvent(id, 'go', {});
  return ended(host.client, id);
};

it('gives an instance the version of host.json, or the one that it is started with', async () => {
  host = await startHost({ defaultVersion: '2.0' });
  expect((await goOn(await begin())).output).toBe('2.0');
  expect((await goOn(await begin({ version: '1.5' }))).output).toBe('1.5');
});

it('goes on with instances of an older version and of none, which keep theirs', async () => {
  host = await startHost();
  const [none, old] = [await begin(), await begin({ version: '1.9' })];
  await host.restart('1.10');
  expect((await goOn(none)).output).toBe('none');
  expect((await goOn(old)).output).toBe('1.9');
});

it('fails instances of a newer version at once, so that they can be begun anew', async () => {
  host = await startHost({ defaultVersion: '2.0' });
  const id = await begin();
  await host.restart('1.0');
  const { runtimeStatus, output } = await goOn(id);
  expect([runtimeStatus, output]).toEqual(['Failed', expect.stringContaining("Its version '2.0' is newer than '1.0'")]);
  await host.client.startNew('versioned', { instanceId: id });
  expect((await goOn(id)).output).toBe('1.0');
});

it.each([
  ['2.0', '1.0', true],
  ['1.10', '1.9', true],
  ['1.0', '1.0', false],
  ['1.0.0', '1.0', true],
  ['1.0', '1.0.0', false],
  ['b', 'A', true],
  ['10', '9', false],
  [null, '1.0', false],
  ['1.0', null, true],
])('takes %s for newer than %s: %s', (version, hosts, isNewer) => {
  expect(isNewerVersion(version, hosts)).toBe(isNewer);
});
