import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { makeCertificates, type Certificates } from '../support/certificates';
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
  const start = async (fixture: string, env: Record<string, string> = {}, args: string[] = []) => {
    const host = await HostProcess.start(fixture, { env, main: true, dataDir, args });
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

  it('says in one line which file does not let it read the key', async () => {
    await mkdir(join(dataDir, 'api-key'));
    const host = await start('stream');
    expect(await host.exitCode()).toBe(1);
    expect(host.output).toMatch(/^API_KEYS: is not set, and the file .*api-key cannot be read \(EISDIR.*\)\.\n$/);
  });

  it('never prints a key that was set', async () => {
    const host = await start('stream', { API_KEYS: 'team:set-by-the-user' });
    expect(host.output).toContain('one of API_KEYS');
    expect(host.output).not.toContain('set-by-the-user');
  });

  it.each([
    [{ PORT: 'x' }, 'PORT: must be a port number, or 0 for any free port.\n'],
    [{ RUN_EXPIRES_SECONDS: 'soon' }, 'RUN_EXPIRES_SECONDS: must be a whole number of seconds from 1 to 86400.\n'],
    [{ TLS_CERT_FILE: 'a.pem' }, 'TLS_KEY_FILE: TLS needs both files, the certificate and its key.\n'],
    [{ LOCAL_HOST_QUIET: 'true' }, 'LOCAL_HOST_QUIET: must be 1 (no line per request) or 0.\n'],
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
    expect(second.output).toMatch(/^Cannot serve on 127\.0\.0\.1:\d+: .*EADDRINUSE.* set PORT to another port\n$/);
  });

  it('refuses a folder that another host serves from, and says what to do', async () => {
    await start('orchestration');
    const second = await start('orchestration');
    expect(await second.exitCode()).toBe(1);
    expect(second.output).toContain('another host has it open; stop that one, or set another DATA_DIR.');
  });

  it.each([
    ['--port', 2, "'--port' is not expected. The host takes no arguments"],
    ['--help', 0, 'The host takes no arguments'],
  ])('starts nothing with the argument %s, and tells where settings are', async (argument, code, text) => {
    const host = await start('stream', {}, [argument, '8080']);
    expect(await host.exitCode()).toBe(code);
    expect(host.url).toBe('');
    expect(host.output).toMatch(new RegExp(`^${text}: .*environment variables.*local\\.settings\\.json.*\\n$`));
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

  describe('with TLS', () => {
    let certificates: Certificates;
    beforeAll(async () => {
      certificates = await makeCertificates();
    });
    afterAll(() => certificates.remove());

    it('serves HTTPS with the files of TLS_CERT_FILE and TLS_KEY_FILE, and says so', async () => {
      const host = await start('stream', certificates.env);
      expect(host.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
      expect(host.output).toContain(`OpenAI SDK       base_url ${host.url}/v1`);
      const answer = await request(`${host.url}/echo/1`, { dispatcher: new Agent({ connect: certificates }) });
      expect(await answer.body.json()).toMatchObject({ url: `${host.url}/echo/1` });
    });

    it('is trusted by nobody who does not know its authority', async () => {
      const host = await start('stream', certificates.env);
      await expect(request(`${host.url}/echo/1`)).rejects.toThrow(/verify|certificate/);
    });

    it.each([
      [
        'a missing certificate',
        { TLS_CERT_FILE: 'no.pem' },
        /^TLS_CERT_FILE: 'no\.pem' cannot be read \(ENOENT.*\)\.\n$/,
      ],
      ['a missing key', { TLS_KEY_FILE: 'no.key' }, /^TLS_KEY_FILE: 'no\.key' cannot be read \(ENOENT.*\)\.\n$/],
      [
        'what is no certificate',
        { TLS_CERT_FILE: 'package.json' },
        /^TLS_CERT_FILE: 'package\.json' must hold a certificate as PEM text \(.*\)\.\n$/,
      ],
      [
        'what is no key',
        { TLS_KEY_FILE: 'package.json' },
        /^TLS_KEY_FILE: 'package\.json' must hold a private key as PEM text, without a passphrase \(.*\)\.\n$/,
      ],
    ])('refuses %s with one line and exit code 1', async (_what, env, line) => {
      const host = await start('stream', { ...certificates.env, ...env });
      expect(await host.exitCode()).toBe(1);
      expect(host.output).toMatch(line);
    });

    it('refuses the key of another certificate, and one with a passphrase', async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const file = join(dataDir, 'other.key');
      await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
      const other = await start('stream', { ...certificates.env, TLS_KEY_FILE: file });
      expect(await other.exitCode()).toBe(1);
      expect(other.output).toBe(`TLS_KEY_FILE: '${file}' is not the key of the certificate in TLS_CERT_FILE.\n`);
      const encrypted = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
      await writeFile(file, privateKey.export(encrypted));
      const locked = await start('stream', { ...certificates.env, TLS_KEY_FILE: file });
      expect(await locked.exitCode()).toBe(1);
      expect(locked.output).toMatch(/^TLS_KEY_FILE: .* without a passphrase \(.*\)\.\n$/);
    });
  });
});
