import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostProcess } from './hostProcess';

describe('start and stop of the local host', () => {
  const hosts: HostProcess[] = [];
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'local-host-'));
  });
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.stop('SIGKILL')));
    await rm(dataDir, { recursive: true });
  });
  const start = async (fixture: string, env: Record<string, string> = {}) => {
    const host = await HostProcess.start(fixture, { env, main: true, dataDir });
    hosts.push(host);
    return host;
  };

  it('makes a key once, keeps it readable by its owner only, and prints it', async () => {
    const first = await start('stream');
    const key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
    expect(key).toMatch(/^[\w-]{32}$/);
    expect(first.output).toContain(`Key              ${key}`);
    expect((await stat(join(dataDir, 'api-key'))).mode & 0o777).toBe(0o600);
    const second = await start('stream');
    expect(second.output).toContain(key);
  });

  it('never prints a key that was set', async () => {
    const host = await start('stream', { API_KEYS: 'team:set-by-the-user' });
    expect(host.output).toContain('one of API_KEYS');
    expect(host.output).not.toContain('set-by-the-user');
  });

  it.each([
    [{ PORT: 'x' }, 'PORT: must be a port number, or 0 for any free port.\n'],
    [{ RUN_EXPIRES_SECONDS: 'soon' }, 'RUN_EXPIRES_SECONDS: must be a whole number of seconds.\n'],
    [{ TLS_CERT_FILE: 'a.pem' }, 'TLS_KEY_FILE: TLS needs both files, the certificate and its key.\n'],
    [{ API_KEYS: 'nonsense' }, /^API_KEYS: .*\n$/],
  ])('refuses the settings %j with one line and exit code 1', async (env, line) => {
    const host = await start('stream', env as Record<string, string>);
    expect(await host.exitCode()).toBe(1);
    if (typeof line === 'string') expect(host.output).toBe(line);
    else expect(host.output).toMatch(line);
  });

  it('refuses a taken port with one line and exit code 1', async () => {
    const first = await start('stream');
    const second = await start('stream', { PORT: new URL(first.url).port });
    expect(await second.exitCode()).toBe(1);
    expect(second.output).toMatch(/^Cannot serve on 127\.0\.0\.1:\d+: .*EADDRINUSE.*\n$/);
  });

  it('refuses kinds of triggers that it does not have', async () => {
    const host = await start('queue');
    expect(await host.exitCode()).toBe(1);
    expect(host.output).toContain("Function 'fromQueue': the local host has no trigger of type 'queueTrigger'.");
  });

  it('serves nothing but 404 when an entry file throws at import, and says so loudly', async () => {
    const host = await start('broken');
    expect(host.output).toContain('THE APP DID NOT LOAD');
    expect(host.output).toContain('thrown at import');
    const response = await fetch(`${host.url}/early`);
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('');
  });

  it('lets a running request end on SIGTERM, runs the terminate hooks and exits with 0', async () => {
    const host = await start('stream');
    const answer = fetch(`${host.url}/untilStop`);
    await host.until(/\[untilStop\] WAITING/);
    const code = host.stop('SIGTERM');
    expect(await (await answer).text()).toBe('finished');
    expect(await code).toBe(0);
    expect(host.output).toContain('TERMINATE HOOK');
  });

  it('ends with exit code 1 on an uncaught exception', async () => {
    const host = await start('stream');
    await fetch(`${host.url}/crash`, { method: 'POST' }).catch(() => undefined);
    expect(await host.exitCode()).toBe(1);
    expect(host.output).toContain('nobody catches this');
  });

  it('runs a timer with runOnStartup at once', async () => {
    const host = await start('timer');
    const [, json = ''] = await host.until(/\[yearly\] TIMER (.*)/);
    expect(JSON.parse(json)).toMatchObject({
      schedule: { adjustForDST: true },
      scheduleStatus: { last: '0001-01-01T00:00:00' },
      isPastDue: false,
    });
  });

  it('serves HTTPS with the files of TLS_CERT_FILE and TLS_KEY_FILE', async () => {
    const { execFileSync } = await import('node:child_process');
    const [key, cert] = [join(dataDir, 'key.pem'), join(dataDir, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    const host = await start('stream', { TLS_CERT_FILE: cert, TLS_KEY_FILE: key });
    const { get } = await import('node:https');
    const ca = await readFile(cert);
    const url = await new Promise((resolve, reject) => {
      get(`${host.url}/echo/1`, { ca, servername: 'localhost' }, (response) => {
        response.on('data', (chunk) => resolve(JSON.parse(String(chunk)).url));
      }).on('error', reject);
    });
    expect(host.url).toMatch(/^https:/);
    expect(url).toBe(`${host.url}/echo/1`);
  });

  it('does not start on unreadable TLS files', async () => {
    await writeFile(join(dataDir, 'cert.pem'), 'no certificate');
    const file = join(dataDir, 'cert.pem');
    const host = await start('stream', { TLS_CERT_FILE: file, TLS_KEY_FILE: file });
    expect(await host.exitCode()).toBe(1);
    expect(host.output).toMatch(/^Cannot serve on .*\n$/);
  });
});
