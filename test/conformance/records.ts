/** The rules that every adapter of the record port keeps. Imported by the adapters' own tests. */
import { TooLargeError } from '../../src/errors';
import { randomUUID } from 'node:crypto';
import { MAX_CHANGES, MAX_WRITE_BYTES, type Change, type Records } from '../../src/storage/ports';
import { describeDue } from './dueRecords';
import { describeNames } from './names';
import { describePaging } from './recordPaging';

/** A string whose JSON has exactly so many bytes. */
const textOfBytes = (bytes: number) => 'x'.repeat(bytes - 2);

const awkwardNames = [
  'a/b',
  'a\\b',
  'a#b?c=d&e',
  `it's "quoted"`,
  '100%',
  '%2F',
  '日本語',
  '👩‍🚀',
  'e\u0301',
  'é',
  ' spaces ',
  'line\nbreak',
  '_',
  '*',
  ';DROP TABLE records;--',
  '..',
  'x'.repeat(200),
];

/** Runs the suite. `open` makes a new, empty store at each call; it may be slow. */
export function describeRecords(name: string, open: () => Promise<Records>): void {
  describe(`${name} keeps the rules of the record port`, () => {
    let records: Records;
    let partition: string;
    beforeAll(async () => {
      records = await open();
    });
    afterAll(async () => records.close());
    beforeEach(() => {
      partition = randomUUID();
    });

    const create = (id: string, value: unknown, list = 'things'): Change => ({
      op: 'create',
      list,
      id,
      order: id,
      value,
    });
    const replace = (id: string, value: unknown, ifMatch?: string): Change => ({
      op: 'replace',
      list: 'things',
      id,
      value,
      ifMatch,
    });
    const key = (id: string) => ({ partition, list: 'things', id });
    const read = async (id: string) => (await records.get(key(id)))?.value;
    const conflictOn = (id: string) => ({ name: 'ConflictError', key: key(id) });

    describe('single records', () => {
      it('returns what was created, with its order and etag', async () => {
        const value = { text: 'Grüße 👋 \u0000 \ud800', list: [1, null, { deep: true }], empty: '' };
        const [etag] = await records.write(partition, [
          { op: 'create', list: 'things', id: 'a', order: 'first', value },
        ]);
        expect(await records.get(key('a'))).toEqual({ id: 'a', order: 'first', etag, value });
      });

      it('keeps values that are not objects', async () => {
        const values = [null, 0, '', false, [], 1.5e-7];
        await records.write(
          partition,
          values.map((value, n) => create(`v${n}`, value)),
        );
        expect(await Promise.all(values.map(async (_, n) => read(`v${n}`)))).toEqual(values);
      });

      it('answers undefined for an absent record', async () => {
        await records.write(partition, [create('a', 1)]);
        expect(await records.get(key('b'))).toBeUndefined();
        expect(await records.get({ partition, list: 'others', id: 'a' })).toBeUndefined();
      });

      it('gives a record a new etag with every write, also when it is created again', async () => {
        const etags = new Set<string | undefined>();
        for (const change of [
          create('a', 1),
          replace('a', 1),
          { op: 'delete', list: 'things', id: 'a' } as const,
          create('a', 1),
        ]) {
          etags.add((await records.write(partition, [change]))[0]);
        }
        expect(etags.size).toBe(4);
        expect(etags).toContain('');
      });

      it('keeps the order a record was created with when it is replaced', async () => {
        await records.write(partition, [{ op: 'create', list: 'things', id: 'a', order: '7', value: 1 }]);
        await records.write(partition, [replace('a', 2)]);
        expect(await records.get(key('a'))).toMatchObject({ order: '7', value: 2 });
      });

      it('keeps a value of the greatest size, and replaces it by a small one and back', async () => {
        const large = textOfBytes(MAX_WRITE_BYTES);
        await records.write(partition, [create('a', large)]);
        expect(await read('a')).toBe(large);
        await records.write(partition, [replace('a', 'small')]);
        expect(await read('a')).toBe('small');
        await records.write(partition, [replace('a', large)]);
        expect((await records.list(partition, 'things', { order: 'asc', limit: 10 })).records[0]?.value).toBe(large);
      });

      it('is not changed by what the caller does to a value after the call', async () => {
        const value = { n: 1 };
        const written = records.write(partition, [create('a', value)]);
        value.n = 2;
        await written;
        expect(await read('a')).toEqual({ n: 1 });
      });
    });

    describe('conditions', () => {
      it('refuses to create what exists', async () => {
        await records.write(partition, [create('a', 'first')]);
        await expect(records.write(partition, [create('a', 'second')])).rejects.toMatchObject(conflictOn('a'));
        expect(await read('a')).toBe('first');
      });

      it('refuses to replace what is absent', async () => {
        await expect(records.write(partition, [replace('a', 1)])).rejects.toMatchObject(conflictOn('a'));
        expect(await records.get(key('a'))).toBeUndefined();
      });

      it('replaces, deletes and checks with the etag of the last write only', async () => {
        const [old] = await records.write(partition, [create('a', 1)]);
        const [etag] = await records.write(partition, [replace('a', 2, old)]);
        const withEtag = (ifMatch = ''): Change[] => [
          replace('a', 3, ifMatch),
          { op: 'delete', list: 'things', id: 'a', ifMatch },
          { op: 'check', list: 'things', id: 'a', ifMatch },
        ];
        for (const change of withEtag(old)) {
          await expect(records.write(partition, [change])).rejects.toMatchObject(conflictOn('a'));
        }
        expect(await read('a')).toBe(2);
        const [renewed = ''] = await records.write(partition, [
          { op: 'check', list: 'things', id: 'a', ifMatch: etag ?? '' },
        ]);
        const [last] = await records.write(partition, [replace('a', 3, renewed)]);
        expect(await records.write(partition, [{ op: 'delete', list: 'things', id: 'a', ifMatch: last }])).toEqual([
          '',
        ]);
        expect(await records.get(key('a'))).toBeUndefined();
      });

      it('deletes an absent record without complaint, but not with an etag', async () => {
        expect(await records.write(partition, [{ op: 'delete', list: 'things', id: 'a' }])).toEqual(['']);
        const [etag = ''] = await records.write(partition, [create('a', 1)]);
        await records.write(partition, [{ op: 'delete', list: 'things', id: 'a' }]);
        for (const op of ['delete', 'check'] as const) {
          const change: Change = { op, list: 'things', id: 'a', ifMatch: etag };
          await expect(records.write(partition, [change])).rejects.toMatchObject(conflictOn('a'));
        }
      });

      it('lets exactly one of fifty writers with the same etag win, again and again', async () => {
        let [etag] = await records.write(partition, [create('a', 'nobody')]);
        for (let round = 0; round < 5; round++) {
          const outcomes = await Promise.allSettled(
            Array.from({ length: 50 }, async (_, n) => records.write(partition, [replace('a', `${round}/${n}`, etag)])),
          );
          const won = outcomes.flatMap((outcome, n) =>
            outcome.status === 'fulfilled' ? [{ n, etags: outcome.value }] : [],
          );
          const lost = outcomes.flatMap((outcome) =>
            outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
          );
          expect(won).toHaveLength(1);
          for (const reason of lost) expect(reason).toMatchObject(conflictOn('a'));
          expect(await read('a')).toBe(`${round}/${won[0]?.n}`);
          etag = won[0]?.etags[0];
        }
      });

      it('loses no increment of a counter that writers retry after a conflict', async () => {
        await records.write(partition, [create('count', 0)]);
        const increment = async (): Promise<void> => {
          for (;;) {
            const current = await records.get<number>(key('count'));
            if (!current) throw new Error('The counter is gone.');
            try {
              await records.write(partition, [replace('count', current.value + 1, current.etag)]);
              return;
            } catch (error) {
              if (!(error instanceof Error) || error.name !== 'ConflictError') throw error;
            }
          }
        };
        await Promise.all(
          Array.from({ length: 10 }, async () => {
            for (let n = 0; n < 10; n++) await increment();
          }),
        );
        expect(await read('count')).toBe(100);
      });

      it('lets exactly one of thirty creators of the same record win', async () => {
        const outcomes = await Promise.allSettled(
          Array.from({ length: 30 }, async (_, n) => records.write(partition, [create('a', n), create(`by-${n}`, n)])),
        );
        const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect(await read('a')).toBe(winner);
        const { records: all } = await records.list(partition, 'things', { order: 'asc', limit: 100 });
        expect(all.map(({ id }) => id)).toEqual(['a', `by-${winner}`]);
      });
    });

    describe('atomic writes', () => {
      const many = (count: number) =>
        Array.from({ length: count }, (_, n) => create(`n${String(n).padStart(2, '0')}`, n));

      it('writes as many changes as allowed, and returns their etags in order', async () => {
        const etags = await records.write(partition, many(MAX_CHANGES));
        const { records: all } = await records.list(partition, 'things', { order: 'asc', limit: 100 });
        expect(all.map(({ etag }) => etag)).toEqual(etags);
        expect(all.map(({ value }) => value)).toEqual(Array.from({ length: MAX_CHANGES }, (_, n) => n));
      });

      it('changes nothing when the last condition fails', async () => {
        const [etag] = await records.write(partition, [create('kept', 'old'), create('victim', 'old')]);
        const changes = [
          ...many(MAX_CHANGES - 3),
          replace('kept', 'new', etag),
          { op: 'delete', list: 'things', id: 'victim' } as const,
          replace('absent', 1),
        ];
        expect(changes).toHaveLength(MAX_CHANGES);
        await expect(records.write(partition, changes)).rejects.toMatchObject(conflictOn('absent'));
        const { records: all } = await records.list(partition, 'things', { order: 'asc', limit: 100 });
        expect(all.map(({ id, value }) => [id, value])).toEqual([
          ['kept', 'old'],
          ['victim', 'old'],
        ]);
        expect(all[0]?.etag).toBe(etag);
      });

      it('changes nothing when a check fails, and writes beside one that holds', async () => {
        const [etag = ''] = await records.write(partition, [create('thread', 1)]);
        const guarded = (id: string): Change[] => [
          { op: 'check', list: 'things', id: 'thread', ifMatch: etag },
          create(id, 1, 'others'),
        ];
        const etags = await records.write(partition, guarded('yes'));
        expect(etags).toHaveLength(2);
        await records.write(partition, [replace('thread', 2)]);
        await expect(records.write(partition, guarded('no'))).rejects.toMatchObject(conflictOn('thread'));
        const { records: others } = await records.list(partition, 'others', { order: 'asc', limit: 10 });
        expect(others.map(({ id }) => id)).toEqual(['yes']);
      });

      it('spans several lists of a partition', async () => {
        await records.write(partition, [create('a', 1, 'runs'), create('a', 2, 'steps')]);
        expect((await records.get({ partition, list: 'runs', id: 'a' }))?.value).toBe(1);
        expect((await records.get({ partition, list: 'steps', id: 'a' }))?.value).toBe(2);
      });

      it('never shows a reader half of a write', async () => {
        const ids = ['a', 'b', 'c', 'd', 'e'];
        await records.write(
          partition,
          ids.map((id) => create(id, 0)),
        );
        const versions = 60;
        let written = 0;
        const writer = async () => {
          while (written < versions)
            await records
              .write(
                partition,
                ids.map((id) => replace(id, written + 1)),
              )
              .then(() => written++);
        };
        const reader = async () => {
          let reads = 0;
          while (written < versions) {
            const acknowledged = written;
            const page = await records.list<number>(partition, 'things', { order: 'asc', limit: 10 });
            const seen = new Set(page.records.map(({ value }) => value));
            expect(seen.size).toBe(1);
            expect(Math.min(...seen)).toBeGreaterThanOrEqual(acknowledged);
            reads++;
          }
          return reads;
        };
        const [, reads] = await Promise.all([writer(), reader(), reader()]);
        expect(reads).toBeGreaterThan(1);
      });

      it('refuses one change too many, two changes of one record and one byte too many, and stores nothing of them', async () => {
        await expect(records.write(partition, many(MAX_CHANGES + 1))).rejects.toBeInstanceOf(RangeError);
        await expect(records.write(partition, [create('a', 1), replace('a', 2)])).rejects.toBeInstanceOf(RangeError);
        const half = textOfBytes(MAX_WRITE_BYTES / 2);
        await expect(records.write(partition, [create('a', half), create('b', `${half}x`)])).rejects.toBeInstanceOf(
          TooLargeError,
        );
        // Bytes, not characters.
        const wide = 'é'.repeat(MAX_WRITE_BYTES / 2);
        await expect(records.write(partition, [create('a', wide)])).rejects.toBeInstanceOf(TooLargeError);
        expect((await records.list(partition, 'things', { order: 'asc', limit: 10 })).records).toEqual([]);
      });
    });

    describe('names', () => {
      it('takes any text as an id', async () => {
        await records.write(
          partition,
          awkwardNames.map((id) => create(id, id)),
        );
        for (const id of awkwardNames) expect(await records.get(key(id))).toMatchObject({ id, order: id, value: id });
        const { records: all } = await records.list(partition, 'things', { order: 'asc', limit: 100 });
        expect(new Set(all.map(({ id }) => id))).toEqual(new Set(awkwardNames));
        const { records: rest } = await records.list(partition, 'things', {
          order: 'asc',
          limit: 100,
          after: all[4]?.id,
        });
        expect(rest).toEqual(all.slice(5));
      });

      it('keeps partitions and lists of similar names apart', async () => {
        const similar = ['a', 'A', 'a/', 'a%', 'a_', 'aa', 'a b', ...awkwardNames];
        const change = (value: string, list: string): Change => ({ op: 'create', list, id: 'same', order: '1', value });
        for (const part of similar) {
          await records.write(
            `${partition}${part}`,
            similar.map((list) => change(`${part}|${list}`, list)),
          );
        }
        for (const part of similar) {
          for (const list of similar) {
            const page = await records.list(`${partition}${part}`, list, { order: 'asc', limit: 10 });
            expect(page.records.map(({ value }) => value)).toEqual([`${part}|${list}`]);
          }
        }
      });
    });

    describe('deletion of a partition', () => {
      it('deletes every record of it, in whatever list, and nothing of others', async () => {
        for (let block = 0; block < 12; block++) {
          const changes = Array.from({ length: 40 }, (_, n) => create(`${block}-${n}`, n, n % 2 ? 'runs' : 'steps'));
          await records.write(partition, changes);
        }
        const others = [`${partition}/b`, `${partition}%`, partition.toUpperCase(), partition.slice(1)];
        for (const other of others) await records.write(other, [create('stays', 1)]);
        await records.deletePartition(partition);
        for (const list of ['runs', 'steps']) {
          expect(await records.list(partition, list, { order: 'asc', limit: 10 })).toEqual({
            records: [],
            hasMore: false,
          });
        }
        for (const other of others) {
          expect(await records.get({ partition: other, list: 'things', id: 'stays' })).toMatchObject({ value: 1 });
        }
      });

      it('may be repeated, and the partition be used again', async () => {
        await records.write(partition, [create('a', 1)]);
        await records.deletePartition(partition);
        await records.deletePartition(partition);
        await records.write(partition, [create('a', 2)]);
        expect(await read('a')).toBe(2);
      });
    });

    describePaging(() => records);
  });
  describeNames(name, open);
  describeDue(name, open);
}
