/** The rules of reading a list by pages, part of the record suite. */
import { randomUUID } from 'node:crypto';
import type { Change, ListRequest, Records } from '../../src/storage/ports';
import { printedSeed, seededRandom } from './seededRandom';

interface Placed {
  id: string;
  order: string;
}

const create = ({ id, order }: Placed): Change => ({ op: 'create', list: 'list', id, order, value: { id } });
const byPosition = (a: Placed, b: Placed) =>
  Buffer.compare(Buffer.from(`${a.order}\0${a.id}`), Buffer.from(`${b.order}\0${b.id}`));

/** Registers the tests; `store` gives the open store. */
export function describePaging(store: () => Records): void {
  describe('pages', () => {
    let partition: string;
    beforeEach(() => {
      partition = randomUUID();
    });

    const fill = async (placed: Placed[]) => {
      for (let from = 0; from < placed.length; from += 40) {
        await store().write(partition, placed.slice(from, from + 40).map(create));
      }
    };
    const page = async (request: Partial<ListRequest>) => {
      const { records, hasMore } = await store().list(partition, 'list', { order: 'asc', limit: 100, ...request });
      return { ids: records.map(({ id }) => id).join(''), hasMore };
    };
    const letters = async (ids: string) => fill([...ids].map((id) => ({ id, order: id })));

    it('come in the order of the keys, whatever the order of creation, and reversed', async () => {
      const placed = ['9', '10', 'b', 'B', 'a', '_', 'aa', '~', ' ', '0000000001', '0000000000'].map((order, n) => ({
        id: `id${n}`,
        order,
      }));
      await fill(placed);
      const sorted = placed.toSorted(byPosition).map(({ id }) => id);
      const list = async (order: 'asc' | 'desc') =>
        (await store().list(partition, 'list', { order, limit: 100 })).records.map(({ id }) => id);
      expect(await list('asc')).toEqual(sorted);
      expect(await list('desc')).toEqual(sorted.toReversed());
    });

    it('break ties by id, also across a page boundary', async () => {
      await fill(['d', 'b', 'a', 'C', 'c'].map((id) => ({ id, order: 'same' })));
      expect(await page({})).toEqual({ ids: 'Cabcd', hasMore: false });
      expect(await page({ order: 'desc' })).toEqual({ ids: 'dcbaC', hasMore: false });
      expect(await page({ after: 'a', limit: 2 })).toEqual({ ids: 'bc', hasMore: true });
      expect(await page({ order: 'desc', after: 'b', limit: 2 })).toEqual({ ids: 'aC', hasMore: false });
    });

    it('say whether more follow', async () => {
      await letters('abc');
      expect(await page({ limit: 2 })).toEqual({ ids: 'ab', hasMore: true });
      expect(await page({ limit: 3 })).toEqual({ ids: 'abc', hasMore: false });
      expect(await page({ limit: 4 })).toEqual({ ids: 'abc', hasMore: false });
      expect(await page({ after: 'c' })).toEqual({ ids: '', hasMore: false });
      expect(await store().list(partition, 'empty', { order: 'asc', limit: 1 })).toEqual({
        records: [],
        hasMore: false,
      });
    });

    it('begin after a record and end before one', async () => {
      await letters('abcdefgh');
      expect(await page({ after: 'c' })).toEqual({ ids: 'defgh', hasMore: false });
      expect(await page({ after: 'c', before: 'g' })).toEqual({ ids: 'def', hasMore: false });
      expect(await page({ after: 'c', before: 'g', limit: 2 })).toEqual({ ids: 'de', hasMore: true });
      expect(await page({ after: 'c', before: 'g', limit: 3 })).toEqual({ ids: 'def', hasMore: false });
      expect(await page({ order: 'desc', after: 'g', before: 'c', limit: 2 })).toEqual({ ids: 'fe', hasMore: true });
      expect(await page({ after: 'g', before: 'c' })).toEqual({ ids: '', hasMore: false });
      expect(await page({ after: 'c', before: 'c' })).toEqual({ ids: '', hasMore: false });
    });

    it('with before alone hold the records just before it, still in the requested order', async () => {
      await letters('abcdefgh');
      expect(await page({ before: 'f', limit: 2 })).toEqual({ ids: 'de', hasMore: true });
      expect(await page({ before: 'c', limit: 2 })).toEqual({ ids: 'ab', hasMore: false });
      expect(await page({ before: 'a' })).toEqual({ ids: '', hasMore: false });
      expect(await page({ order: 'desc', before: 'c', limit: 3 })).toEqual({ ids: 'fed', hasMore: true });
    });

    it('refuse a cursor that is deleted, unknown, or of another list', async () => {
      await letters('abc');
      await store().write(partition, [{ op: 'create', list: 'other', id: 'o', order: 'o', value: 1 }]);
      await store().write(partition, [{ op: 'delete', list: 'list', id: 'b' }]);
      for (const cursor of ['b', 'never', 'o', '']) {
        for (const request of [
          { after: cursor },
          { before: cursor },
          { after: 'a', before: cursor },
          { after: cursor, before: 'c' },
        ]) {
          await expect(page(request)).rejects.toMatchObject({ name: 'UnknownCursorError', cursor });
        }
      }
    });

    it('begin at a place whose record is deleted or never was', async () => {
      await letters('abce');
      await store().write(partition, [{ op: 'delete', list: 'list', id: 'b' }]);
      const at = (id: string) => ({ id, order: id });
      expect(await page({ after: at('b') })).toEqual({ ids: 'ce', hasMore: false });
      expect(await page({ order: 'desc', after: at('d'), limit: 1 })).toEqual({ ids: 'c', hasMore: true });
      expect(await page({ before: at('d'), limit: 1 })).toEqual({ ids: 'c', hasMore: true });
      expect(await page({ after: 'a', before: at('d') })).toEqual({ ids: 'c', hasMore: false });
      expect(await page({ after: at('z') })).toEqual({ ids: '', hasMore: false });
    });

    it.each([
      ['after', 'asc'],
      ['after', 'desc'],
      ['before', 'asc'],
      ['before', 'desc'],
    ] as const)(
      'by %s, %s, neither skip nor repeat a record that stays while others come and go',
      async (cursor, order) => {
        const random = seededRandom(printedSeed(`paging by ${cursor}, ${order}`));
        const below = (limit: number) => Math.floor(random() * limit);
        let created = 0;
        // Few orders, so that ties are many.
        const place = (kind: string): Placed => ({
          id: `${kind}${below(1e9)}-${created++}`,
          order: String(below(60)).padStart(3, '0'),
        });
        const stayers = Array.from({ length: 150 }, () => place('stayer'));
        const movers = Array.from({ length: 150 }, () => place('mover'));
        await fill([...stayers, ...movers]);

        const deleted = new Set<string>();
        const churn = async (keep: string | undefined) => {
          for (let n = below(4); n > 0; n--) {
            const mover = place('mover');
            movers.push(mover);
            await store().write(partition, [create(mover)]);
            const victim = movers[below(movers.length)];
            if (!victim || victim.id === keep) continue;
            deleted.add(victim.id);
            await store().write(partition, [{ op: 'delete', list: 'list', id: victim.id }]);
          }
        };

        const seen: string[] = [];
        // Reading by `before` walks backwards, so it begins at a record past the end.
        const end = { id: 'end', order: order === 'asc' ? '~' : ' ' };
        if (cursor === 'before') await fill([end]);
        let from = cursor === 'before' ? end.id : undefined;
        for (let more = true; more;) {
          const request = { order, limit: 1 + below(12), [cursor]: from };
          const [{ records, hasMore }] = await Promise.all([store().list(partition, 'list', request), churn(from)]);
          const ids = (cursor === 'after' ? records : records.toReversed()).map(({ id }) => id);
          seen.push(...ids.filter((id) => id.startsWith('stayer')));
          from = ids.findLast((id) => !deleted.has(id)) ?? from;
          more = hasMore;
        }
        const expected = stayers.toSorted(byPosition).map(({ id }) => id);
        expect(seen).toEqual((cursor === 'after') === (order === 'asc') ? expected : expected.toReversed());
        expect(deleted.size).toBeGreaterThan(0);
      },
    );
  });
}
