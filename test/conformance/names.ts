/** The rules of names of partitions and lists, and of pages of due records; part of the record suite. */
import { randomUUID } from 'node:crypto';
import type { Change, DueRecord, Records } from '../../src/storage/ports';

const create = (id: string, list = 'things'): Change => ({ op: 'create', list, id, order: id, value: { id } });

/** In the order of their UTF-8 bytes. */
const inOrder = (names: string[]): string[] => names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** Registers the tests. */
export function describeNames(name: string, open: () => Promise<Records>): void {
  describe(`${name} keeps the rules of names`, () => {
    let records: Records;
    beforeAll(async () => {
      records = await open();
    });
    afterAll(async () => records.close());

    async function all(read: (page: { after?: string; limit: number }) => Promise<string[]>, limit: number) {
      const found: string[] = [];
      for (;;) {
        const page = await read({ after: found.at(-1), limit });
        expect(page.length).toBeLessThanOrEqual(limit);
        found.push(...page);
        if (page.length < limit) return found;
      }
    }

    it('names the partitions below a prefix in the order of their bytes, page by page, each once', async () => {
      const tenant = randomUUID();
      const below = ['-/threads/a', '-/threads/b', '-/threads', 'p%20x/files', '-/é', '-/👋', '-/~', '-/threads!'].map(
        (rest) => `${tenant}/${rest}`,
      );
      const beside = [`${tenant}0/x`, `${tenant}-/x`, tenant, `${tenant}.`];
      for (const partition of [...below, ...beside]) {
        await records.write(partition, [create('a'), create('b'), create('c', 'others')]);
      }
      for (const limit of [1, 3, 8, 100]) {
        expect(await all(async (page) => records.partitions(`${tenant}/`, page), limit)).toEqual(inOrder(below));
      }
      expect(await records.partitions(`${tenant}/-/threads/`, { limit: 10 })).toEqual([below[0], below[1]]);
      const behind = await records.partitions(`${tenant}/`, { after: `${tenant}/-/threads/a5`, limit: 1 });
      expect(behind).toEqual([`${tenant}/-/threads/b`]);
      const early = await records.partitions(`${tenant}/`, { after: '!', limit: 1 });
      expect(early).toEqual(inOrder(below).slice(0, 1));
      expect(await all(async (page) => records.partitions('', page), 5)).toEqual(
        expect.arrayContaining(inOrder([...below, ...beside])),
      );
    });

    it('names no due record as a partition, and no partition that was deleted', async () => {
      const partition = `${randomUUID()}/-/gone`;
      await records.write(partition, [create('a')], { add: [{ at: 1, kind: 'k', id: partition, data: {} }] });
      await records.deletePartition(partition);
      expect(await records.partitions(partition.slice(0, 20), { limit: 10 })).toEqual([]);
      for (const found of await records.partitions('', { limit: 1000 })) expect(found).not.toMatch(/due/);
    });

    it('finds a partition that lies behind one with many records', async () => {
      const tenant = randomUUID();
      const many = Array.from({ length: 40 }, (_, n) => create(String(n)));
      for (let list = 0; list < 30; list += 1) {
        await records.write(
          `${tenant}/a`,
          many.map((change) => ({ ...change, list: `list${list}` })),
        );
      }
      await records.write(`${tenant}/b`, [create('a')]);
      expect(await records.partitions(`${tenant}/`, { limit: 10 })).toEqual([`${tenant}/a`, `${tenant}/b`]);
      const lists = Array.from({ length: 30 }, (_, n) => `list${n}`);
      expect(await all(async (page) => records.lists(`${tenant}/a`, page), 7)).toEqual(inOrder(lists));
    });

    it('names the lists of a partition in the order of their bytes, and none whose records are gone', async () => {
      const partition = randomUUID();
      const lists = ['a', 'a/b', 'a.b', 'A', 'é', "it's", 'a!', 'zz'];
      for (const list of lists) await records.write(partition, [create('x', list)]);
      await records.write(partition, [create('x', 'gone')]);
      await records.write(partition, [{ op: 'delete', list: 'gone', id: 'x' }]);
      expect(await records.lists(partition, { limit: 100 })).toEqual(inOrder(lists));
      expect(await records.lists(partition, { after: 'a/b', limit: 2 })).toEqual(["it's", 'zz']);
      expect(await records.lists(randomUUID(), { limit: 1 })).toEqual([]);
    });

    it('pages through due records behind one that is given, also one that is gone', async () => {
      const kind: string = randomUUID();
      const add: DueRecord[] = [3, 1, 2, 2].map((at, n) => ({
        at: 9_000_000_000 + at,
        kind,
        id: `id ${n}`,
        data: { n: String(n) },
      }));
      await records.writeDue({ add });
      const first = add[1];
      const found: string[] = [];
      for (let after = first; ;) {
        const [next] = await records.due(9_000_000_010, 1, after);
        if (!next) break;
        found.push(`${next.at - 9_000_000_000} ${next.id}`);
        await records.writeDue({ remove: [next] });
        after = next;
      }
      expect(found).toEqual(['2 id 2', '2 id 3', '3 id 0']);
    });
  });
}
