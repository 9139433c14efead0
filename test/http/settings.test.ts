/** What `npm start` makes of its settings: it refuses wrong ones in one line, and says at its start who serves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { startHost } from '../support/host';
import { startScriptedUpstream } from '../support/scriptedUpstream';

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'settings-'));
});
afterAll(async () => rm(dataDir, { recursive: true, force: true }));

/** What the host prints before it gives up. */
async function refusal(env: Record<string, string>): Promise<string> {
  const failure = await startHost({ dataDir, env }).then(
    async (host) => {
      await host.stop();
      return new Error('The host started.');
    },
    (error: unknown) => error,
  );
  return failure instanceof Error ? failure.message : String(failure);
}
const oneLine = (line: string) => `The host ended with 1 before it listened:\n${line}\n`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it.each([
  [{ RUN_EXPIRES_SECONDS: 'abc' }, 'RUN_EXPIRES_SECONDS: must be a whole number of seconds from 1 to 86400.'],
  [{ OPENAI_BASE_URL: 'ftp://models' }, 'OPENAI_BASE_URL: must be an http or https URL.'],
  [
    { API_KEYS: 'nothing' },
    'API_KEYS: must be tenant:key pairs joined by commas, such as team-a:secret1,team-b:secret2.',
  ],
  [{ PORT: '70000' }, 'PORT: must be a port number, or 0 for any free port.'],
  [{ STORAGE: 'cloud' }, "STORAGE: must be 'embedded' or 'azure'."],
  [
    { EMBEDDING_DEPLOYMENT: 'embed' },
    'EMBEDDING_DEPLOYMENT: needs AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS beside it.',
  ],
] as [Record<string, string>, string][])(
  'refuses to start with %j, in one line that names the setting',
  async (env, line) => {
    expect(await refusal(env)).toBe(oneLine(line));
  },
);

it('refuses an upstream that is this server itself, under whichever name', async () => {
  const port = await freePort();
  const own = { PORT: `${port}` };
  const line = (setting: string) => oneLine(`${setting}: is the address of this server itself.`);
  expect(await refusal({ ...own, OPENAI_BASE_URL: `http://localhost:${port}/v1` })).toBe(line('OPENAI_BASE_URL'));
  const azure = { ...own, AZURE_OPENAI_ENDPOINT: `http://127.0.0.1:${port}`, AZURE_OPENAI_API_KEY: 'k' };
  expect(await refusal(azure)).toBe(line('AZURE_OPENAI_ENDPOINT'));
});

it('says at its start that the built-in embeddings serve where an upstream has no EMBEDDING_DEPLOYMENT', async () => {
  const upstream = await startScriptedUpstream();
  const key = 'upstream-secret-key';
  const host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: key } });
  try {
    expect(host.output()).toContain('Embeddings: built in, since EMBEDDING_DEPLOYMENT is not set.');
    expect(host.output()).toContain(upstream.url);
    expect(host.output()).not.toContain(key);
  } finally {
    await host.stop();
    await upstream.close();
  }
});

it('without an upstream serves the built-in model alone: a run of any other answers 404 and names the setting', async () => {
  const host = await startHost();
  try {
    expect(host.output()).toContain('the built-in local-extractive');
    const client = host.openai();
    const assistant = await client.beta.assistants.create({ model: 'gpt-4.1' });
    const run = client.beta.threads.createAndRun({ assistant_id: assistant.id });
    await expect(run).rejects.toMatchObject({
      status: 404,
      code: 'DeploymentNotFound',
      message: expect.stringMatching(
        /'gpt-4\.1'.*AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS.*local-extractive/,
      ),
    });
    const local = client.beta.threads.createAndRunPoll({ assistant_id: assistant.id, model: 'local-extractive' });
    expect((await local).status).toBe('completed');
  } finally {
    await host.stop();
  }
});

it('makes a key, prints it and keeps it where no API_KEYS are set', async () => {
  const host = await startHost({ dataDir, env: { API_KEYS: '' } });
  const keyOf = (output: string) => /^Key +(\S+)$/m.exec(output)?.[1];
  const key = keyOf(host.output());
  const answer = await fetch(`${host.url}/v1/assistants`, { headers: { 'api-key': key ?? '' } });
  expect(answer.status).toBe(200);
  await host.kill();
  const again = await startHost({ dataDir, env: { API_KEYS: '' } });
  expect(keyOf(again.output())).toBe(key);
  await again.stop();
});
