/** `npm run keys` beside hosts that run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAzurite } from '../support/azurite';
import { startHost, type Host } from '../support/host';
import { createKey, keysCommand } from '../support/keysCommand';
import { eventually } from '../support/polling';

const ask = async (host: Host, key: string, method = 'GET'): Promise<Response> =>
  fetch(`${host.url}/v1/assistants`, {
    method,
    headers: { 'api-key': key, 'content-type': 'application/json' },
    ...(method === 'POST' ? { body: JSON.stringify({ model: 'local-extractive' }) } : {}),
  });
/** Milliseconds until the host answers so. */
const until = async (host: Host, key: string, status: number): Promise<number> => {
  const began = Date.now();
  await eventually(`status ${status}`, async () => ((await ask(host, key)).status === status ? true : undefined));
  return Date.now() - began;
};

describe('A host that runs', () => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost({ env: { API_KEYS: 'off' } });
  }, 60_000);
  afterAll(async () => host.stop());

  it('takes a key that was made, several of a tenant, and within seconds no more one that was revoked', async () => {
    const [old, next] = [
      await createKey(host.dataDir, ['--tenant', 'team-a']),
      await createKey(host.dataDir, ['--tenant', 'team-a']),
    ];
    await until(host, old.key, 200);
    await until(host, next.key, 200);
    const made = await ask(host, old.key, 'POST');
    expect(made.status).toBe(200);
    const { id } = (await made.json()) as { id: string };
    const seen = (await (await ask(host, next.key)).json()) as { data: { id: string }[] };
    expect(seen.data.map((assistant) => assistant.id)).toEqual([id]);

    const listed = await keysCommand(host.dataDir, ['list', '--tenant', 'team-a']);
    for (const { key, id } of [old, next]) {
      expect(listed.stdout).toContain(id);
      expect(listed.stdout).toContain(key.slice(0, 8));
      expect(listed.stdout).not.toContain(key);
    }
    expect((await keysCommand(host.dataDir, ['revoke', old.id])).stderr).toContain('is revoked');
    expect(await until(host, old.key, 401)).toBeLessThan(10_000);
    expect((await ask(host, next.key)).status).toBe(200);
  }, 60_000);

  it('lets a user use and not manage, and a tenant see nothing of another', async () => {
    const other = await createKey(host.dataDir, ['--tenant', 'team-b']);
    const user = await createKey(host.dataDir, ['--tenant', 'team-b', '--role', 'user', '--expires', '1d']);
    await until(host, other.key, 200);
    await until(host, user.key, 200);
    expect(await (await ask(host, other.key)).json()).toMatchObject({ data: [] });
    const refused = await ask(host, user.key, 'POST');
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      error: {
        code: 'PermissionDenied',
        message: `The principal '${user.id}' lacks the role OpenAI.Contributor to perform POST /assistants; it has OpenAI.User.`,
      },
    });
    expect((await ask(host, other.key, 'POST')).status).toBe(200);
  }, 60_000);

  it('refuses made-up keys of the right form', async () => {
    const answer = await ask(host, `aof_${'A'.repeat(43)}`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm=.*error="invalid_token"/);
  });

  it('told a wrong command, says what it takes and makes nothing', async () => {
    const { code, stdout, stderr } = await keysCommand(host.dataDir, ['create']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^create needs --tenant\.\n\nMakes, lists and revokes API keys/);
    const absent = await keysCommand(host.dataDir, ['revoke', 'key_none']);
    expect(absent).toMatchObject({ code: 2, stderr: expect.stringContaining("There is no key 'key_none'.") });
  });
});

it('two hosts on one account follow the same keys', async () => {
  const azurite = await startAzurite();
  const dataDir = await mkdtemp(join(tmpdir(), 'keys-'));
  const env = {
    STORAGE: 'azure',
    STORAGE_PREFIX: azurite.newPrefix(),
    AzureWebJobsStorage: azurite.connectionString,
  };
  const hosts = await Promise.all([startHost({ env }), startHost({ env })]);
  try {
    const { key, id } = await createKey(dataDir, ['--tenant', 'team-a'], env);
    for (const host of hosts) await until(host, key, 200);
    await keysCommand(dataDir, ['revoke', id], env);
    for (const took of await Promise.all(hosts.map(async (host) => until(host, key, 401))))
      expect(took).toBeLessThan(10_000);
  } finally {
    await Promise.all(hosts.map(async (host) => host.stop()));
    await azurite.stop();
    await rm(dataDir, { recursive: true });
  }
}, 120_000);
