import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import * as threads from 'node:worker_threads';
import { sqliteRecords } from '../../src/adapters/sqlite';
import { MAX_WRITE_BYTES, type Change, type Records } from '../../src/storage/ports';
import { describeRecords } from '../conformance/records';
import { printedSeed, seededRandom } from '../conformance/seededRandom';

// Real threads, remembered so that a test can end one.
jest.mock('node:worker_threads', () => {
  const actual = jest.requireActual<typeof threads>('node:worker_threads');
  return {
    ...actual,
    Worker: jest.fn((...args: ConstructorParameters<typeof actual.Worker>) => new actual.Worker(...args)),
  };
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sqlite-'));
});
afterAll(async () => rm(folder, { recursive: true }));

let files = 0;
const newFile = () => join(folder, 'data', `records${files++}.sqlite`);
const create = (id: string, value: unknown = id): Change => ({ op: 'create', list: 'list', id, order: id, value });

describeRecords('sqlite', async () => sqliteRecords(newFile()));

describe('sqliteRecords', () => {
  it('finds everything again after it is closed and opened', async () => {
    const file = newFile();
    const first = await sqliteRecords(file);
    const [etag] = await first.write('p', [create('a', 'kept')], {
      add: [{ at: 1, kind: 'k', id: 'i', data: { x: 'y' } }],
    });
    await first.close();
    const second = await sqliteRecords(file);
    expect(await second.get({ partition: 'p', list: 'list', id: 'a' })).toEqual({
      id: 'a',
      order: 'a',
      etag,
      value: 'kept',
    });
    expect(await second.due(1, 10)).toEqual([{ at: 1, kind: 'k', id: 'i', data: { x: 'y' } }]);
    await second.close();
  });

  it('gives no etag twice, although the file is opened again and the record created again', async () => {
    const file = newFile();
    const etags: (string | undefined)[] = [];
    for (let round = 0; round < 3; round++) {
      const records = await sqliteRecords(file);
      etags.push((await records.write('p', [create('a')]))[0]);
      await records.write('p', [{ op: 'delete', list: 'list', id: 'a' }]);
      await records.close();
    }
    expect(new Set(etags).size).toBe(3);
  });

  it('finishes the calls under way when it is closed, and refuses later ones', async () => {
    const file = newFile();
    const records = await sqliteRecords(file);
    const writes = Array.from({ length: 3000 }, async (_, n) => records.write('p', [create(`id${n}`)]));
    const closed = records.close();
    await expect(records.get({ partition: 'p', list: 'list', id: 'a' })).rejects.toThrow('The store is closed.');
    await closed;
    expect(await Promise.all(writes)).toHaveLength(3000);
    await records.close();
    await expect(stat(`${file}-wal`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('lets calls beyond its bounds wait, and answers them all', async () => {
    const records = await sqliteRecords(newFile());
    const large = 'x'.repeat(MAX_WRITE_BYTES - 2);
    const writes = Array.from({ length: 40 }, async (_, n) => records.write('p', [create(`large${n}`, large)]));
    const gets = Array.from({ length: 12_000 }, async () => records.get({ partition: 'p', list: 'list', id: 'none' }));
    expect(await Promise.all(writes)).toHaveLength(40);
    expect(new Set(await Promise.all(gets))).toEqual(new Set([undefined]));
    await records.close();
  });

  it('undoes only the failing one of the writes that share a commit', async () => {
    const records = await sqliteRecords(newFile());
    await records.write('p', [create('taken')]);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, async (_, n) =>
        records.write('p', [create(`id${n}`), create(n % 3 ? `other${n}` : 'taken')]),
      ),
    );
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(outcomes.map((_, n) => n % 3 !== 0));
    const { records: all } = await records.list('p', 'list', { order: 'asc', limit: 1000 });
    expect(all.filter(({ id }) => id.startsWith('id'))).toHaveLength(66);
    await records.close();
  });

  it('refuses values that are not JSON and due data over 1 KB', async () => {
    const records = await sqliteRecords(newFile());
    await expect(records.write('p', [create('a', undefined), create('b', () => 1)])).rejects.toBeInstanceOf(TypeError);
    const data = { text: 'x'.repeat(1024) };
    await expect(records.writeDue({ add: [{ at: 1, kind: 'k', id: 'i', data }] })).rejects.toBeInstanceOf(RangeError);
    expect(await records.due(1, 1)).toEqual([]);
    await records.close();
  });

  it('rejects the waiting calls and all later ones when its thread has died, and can still be closed', async () => {
    const file = newFile();
    const records = await sqliteRecords(file);
    const worker: threads.Worker = jest.mocked(threads.Worker).mock.results.at(-1)?.value;
    await records.write('p', [create('a')]);
    const waiting = Array.from({ length: 2000 }, async (_, n) => records.write('p', [create(`id${n}`)]));
    await worker.terminate();
    const outcomes = await Promise.allSettled(waiting);
    const message = 'The storage thread has ended with code 1.';
    expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { message } });
    await expect(records.get({ partition: 'p', list: 'list', id: 'a' })).rejects.toThrow(message);
    await records.close();
    const again = await sqliteRecords(file);
    expect(await again.get({ partition: 'p', list: 'list', id: 'a' })).toMatchObject({ value: 'a' });
    await again.close();
  });

  it('rejects when the file is not a database', async () => {
    const file = join(folder, 'text.sqlite');
    await writeFile(file, 'This is not a database, but a text that is long enough to look at.\n'.repeat(20));
    await expect(sqliteRecords(file)).rejects.toThrow('file is not a database');
  });

  it('rejects the call with what SQLite says, and goes on, when the table is gone', async () => {
    const file = newFile();
    const records = await sqliteRecords(file);
    await run('-e', `new (require('node:sqlite').DatabaseSync)(process.argv[1]).exec('DROP TABLE due')`, file);
    await expect(records.due(1, 1)).rejects.toThrow('no such table: due');
    await expect(records.writeDue({ add: [{ at: 1, kind: 'k', id: 'i', data: {} }] })).rejects.toThrow(
      'no such table: due',
    );
    await records.write('p', [create('a')]);
    expect(await records.get({ partition: 'p', list: 'list', id: 'a' })).toMatchObject({ value: 'a' });
    await records.close();
  });

  it('waits for a new file that another is at, which SQLite does not where the journal changes', async () => {
    const file = newFile();
    await mkdir(dirname(file), { recursive: true });
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE t (x); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)');
    const opening = sqliteRecords(file);
    await expect(Promise.race([opening, delay(300, 'waits')])).resolves.toBe('waits');
    other.exec('COMMIT');
    other.close();
    const store = await opening;
    expect(await store.write('p', [create('a')])).toHaveLength(1);
    await store.close();
  });

  it('serves a fresh file that several open at once, and counts exactly through all of them', async () => {
    const file = newFile();
    const stores = await Promise.all(Array.from({ length: 4 }, async () => sqliteRecords(file)));
    const [, guard = ''] = (await stores[0]?.write('p', [create('count', 0), create('guard')])) ?? [];
    const increment = async (records: Records): Promise<void> => {
      const current = await records.get<number>({ partition: 'p', list: 'list', id: 'count' });
      const changes: Change[] = [
        { op: 'check', list: 'list', id: 'guard', ifMatch: guard },
        { op: 'replace', list: 'list', id: 'count', value: (current?.value ?? NaN) + 1, ifMatch: current?.etag },
      ];
      await records.write('p', changes).catch(async (error: Error) => {
        if (error.name !== 'ConflictError') throw error;
        await increment(records);
      });
    };
    await Promise.all(
      stores.map(async (records) => {
        for (let n = 0; n < 25; n++) await increment(records);
      }),
    );
    for (const records of stores) {
      expect(await records.get({ partition: 'p', list: 'list', id: 'count' })).toMatchObject({ value: 100 });
      await records.close();
    }
  });
});

describe('after SIGKILL', () => {
  it('holds every acknowledged write whole, and no other in half', async () => {
    const random = seededRandom(printedSeed('sqlite crash'));
    const file = newFile();
    const acknowledged = new Set<number>();
    let next = 0;
    for (let round = 0; round < 8; round++) {
      // Every second time two processes write at once, as during a takeover.
      const firsts = round % 2 ? [next, next + 100_000] : [next];
      const killed = firsts.map(async (first) => writeUntilKilled(file, first, Math.floor(random() * 300)));
      for (const n of (await Promise.all(killed)).flat()) acknowledged.add(n);
      const records = await sqliteRecords(file);
      const written = await itemsOfWrites(records);
      const due = new Set((await records.due(1e9, 1e6)).map(({ at }) => at));
      for (const [n, count] of written)
        expect({ n, count, due: due.has(n) }).toEqual({ n, count: (n % 7) + 1, due: true });
      expect([...acknowledged].filter((n) => !written.has(n))).toEqual([]);
      expect(due.size).toBe(written.size);
      next = Math.max(-1, ...written.keys()) + 1;
      await records.close();
    }
    expect(acknowledged.size).toBeGreaterThan(100);
    await expectSoundFile(file);
  }, 60_000);
});

const root = join(__dirname, '..', '..');

async function run(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([child.stdout.toArray(), once(child, 'close')]);
  expect(code).toBe(0);
  return output.join('');
}

/** Runs the writer and kills it so long after its first acknowledgement; the numbers it acknowledged. */
async function writeUntilKilled(file: string, first: number, milliseconds: number): Promise<number[]> {
  const script = join(root, 'dist', 'test', 'adapters', 'sqliteCrashWriter.js');
  const child = spawn(process.execPath, [script, file, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child.stdout, 'data');
  await delay(milliseconds);
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
  return output.split('\n').slice(0, -1).map(Number);
}

/** Number of items of each write that the store holds. */
async function itemsOfWrites(records: Records): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  let after: string | undefined;
  for (;;) {
    const page = await records.list<{ n: number }>('crash', 'items', { order: 'asc', limit: 500, after });
    for (const { value } of page.records) counts.set(value.n, (counts.get(value.n) ?? 0) + 1);
    if (!page.hasMore) return counts;
    after = page.records.at(-1)?.id;
  }
}

async function expectSoundFile(file: string): Promise<void> {
  const script = `console.log(new (require('node:sqlite').DatabaseSync)(process.argv[1]).prepare('PRAGMA integrity_check').get().integrity_check)`;
  expect((await run('-e', script, file)).trim()).toBe('ok');
}
