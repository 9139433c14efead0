import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HostProcess } from './hostProcess';

describe('the blob trigger', () => {
  let dataDir: string;
  let host: HostProcess | undefined;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'local-host-'));
  });
  afterEach(async () => {
    await host?.stop('SIGKILL');
    await rm(dataDir, { recursive: true });
  });
  const start = async () => {
    const env = { CONTAINER: 'uploads', TEST_HOST_OPTIONS: JSON.stringify({ blobIntervalMs: 20 }) };
    return (host = await HostProcess.start('blob', { env, dataDir }));
  };
  const put = async (name: string, text: string) => {
    const file = join(dataDir, 'blobs', 'uploads', name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    return file;
  };
  const line = (name: string) => new RegExp(`BLOB .*"${name}"`);

  it('passes a Buffer and the path parameters, which are parsed where they parse and cross slashes', async () => {
    await put('vs_1/folder/a.txt', 'hello');
    await put('12/b.txt', 'x');
    const running = await start();
    const [first] = await running.until(/BLOB .*a\.txt.*/);
    expect(JSON.parse(first.slice(5))).toEqual({
      store: 'vs_1/folder',
      name: 'a.txt',
      blobTrigger: 'uploads/vs_1/folder/a.txt',
      length: 5,
      isBuffer: true,
      text: 'hello',
      metadata: {},
    });
    const [second] = await running.until(/BLOB .*b\.txt.*/);
    expect(JSON.parse(second.slice(5))).toMatchObject({ store: 12 });
  });

  it('fires once for each version of a file, after a restart too, and not for temporary files', async () => {
    const running = await start();
    await put('s/a.txt', 'one');
    await put('s/.upload', 'temporary');
    await put('top.txt', 'does not match the path');
    await running.until(line('a.txt'));
    await put('s/b.txt', 'later');
    await running.until(line('b.txt'));
    const changed = await put('s/a.txt', 'two');
    await utimes(changed, new Date(1_000), new Date(1_000));
    await running.until(/BLOB .*"text":"two"/);
    await running.stop('SIGKILL');

    const restarted = await start();
    await put('s/c.txt', 'after the restart');
    await restarted.until(line('c.txt'));
    expect(running.count(line('a.txt'))).toBe(2);
    expect(running.count(line('b.txt'))).toBe(1);
    expect(restarted.count(/BLOB/)).toBe(1);
  });

  it('tries a failing blob five times, then keeps it as poison, and goes on with the others', async () => {
    const running = await start();
    await put('s/bad.txt', 'x');
    await running.until(/failed on blob uploads\/s\/bad\.txt, try 5 of 5; it is poison/);
    await put('s/good.txt', 'y');
    await running.until(line('good.txt'));
    expect(running.count(line('bad.txt'))).toBe(5);
    const database = new DatabaseSync(join(dataDir, 'host.sqlite'), { readOnly: true });
    const row = database.prepare("SELECT state, tries, error FROM blobReceipts WHERE blob = 'uploads/s/bad.txt'").get();
    database.close();
    expect(row).toMatchObject({ state: 'poison', tries: 5, error: expect.stringContaining('cannot read this') });
  });

  it('goes on with the tries that are left after a kill', async () => {
    const running = await start();
    await put('s/bad.txt', 'x');
    await running.until(/try 2 of 5/);
    await running.stop('SIGKILL');
    const restarted = await start();
    await restarted.until(/it is poison/);
    expect(running.count(line('bad.txt')) + restarted.count(line('bad.txt'))).toBe(5);
  });

  it('takes a deleted file that is put there again as new', async () => {
    const running = await start();
    const file = await put('s/a.txt', 'same');
    await utimes(file, new Date(5_000), new Date(5_000));
    await running.until(line('a.txt'));
    await rm(file);
    await put('s/b.txt', 'seen in a scan without the first');
    await running.until(line('b.txt'));
    await put('s/a.txt', 'same');
    await utimes(file, new Date(5_000), new Date(5_000));
    await running.until(new RegExp(`${line('a.txt').source}[^]*${line('a.txt').source}`));
  });
});
