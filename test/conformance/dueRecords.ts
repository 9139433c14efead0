/** The rules of due records, part of the record suite. */
import type { DueRecord, Records } from '../../src/storage/ports';

const at = (seconds: number, id: string, kind = 'run'): DueRecord => ({
  at: seconds,
  kind,
  id,
  data: { thread: `thread of ${id}`, note: 'é"/👋' },
});

/** Registers the tests; every test has a store of its own, because due records are not parted. */
export function describeDue(name: string, open: () => Promise<Records>): void {
  describe(`${name} keeps the rules of due records`, () => {
    let records: Records;
    beforeEach(async () => {
      records = await open();
    });
    afterEach(async () => records.close());

    it('shows what is due, earliest first, no more than asked for', async () => {
      const add = [
        at(300, 'c'),
        at(100, 'a'),
        at(1_900_000_000, 'far'),
        at(200, 'b'),
        at(100, 'b'),
        at(100, 'a', 'batch'),
        at(20, 'z'),
      ];
      await records.writeDue({ add });
      const due = await records.due(300, 100);
      expect(due.map((record) => record.at)).toEqual([20, 100, 100, 100, 200, 300]);
      expect(due).toEqual(expect.arrayContaining(add.filter((record) => record.at <= 300)));
      expect((await records.due(299, 100)).map((record) => record.at)).toEqual([20, 100, 100, 100, 200]);
      expect(await records.due(19, 100)).toEqual([]);
      expect(await records.due(300, 1)).toEqual([at(20, 'z')]);
      expect((await records.due(300, 3)).map((record) => record.at)).toEqual([20, 100, 100]);
      expect(await records.due(2_000_000_000, 100)).toHaveLength(7);
    });

    it('shows a due record that is added twice once, with its last data', async () => {
      await records.writeDue({ add: [at(5, 'a')] });
      await records.writeDue({ add: [{ ...at(5, 'a'), data: { thread: 'another' } }] });
      expect(await records.due(10, 10)).toEqual([{ ...at(5, 'a'), data: { thread: 'another' } }]);
    });

    it('removes exactly what is named, as often as one likes', async () => {
      await records.writeDue({ add: [at(5, 'a'), at(6, 'a'), at(5, 'a', 'batch'), at(5, 'b')] });
      await records.writeDue({ remove: [at(5, 'a'), at(7, 'never')] });
      await records.writeDue({ remove: [at(5, 'a')] });
      const left = (await records.due(10, 10)).map((record) => `${record.at} ${record.kind} ${record.id}`);
      expect(left.toSorted()).toEqual(['5 batch a', '5 run b', '6 run a']);
      await records.writeDue({ add: [at(5, 'a')] });
      expect(await records.due(10, 10)).toHaveLength(4);
    });

    it('moves a due record, and keeps one that is removed and added at once', async () => {
      await records.writeDue({ add: [at(5, 'a'), at(5, 'b')] });
      await records.writeDue({ remove: [at(5, 'a'), at(5, 'b')], add: [at(8, 'a'), at(5, 'b')] });
      expect(await records.due(10, 10)).toEqual([at(5, 'b'), at(8, 'a')]);
    });

    it('adds and removes with the changes of a write', async () => {
      await records.write('p', [{ op: 'create', list: 'runs', id: 'a', order: '1', value: 1 }], { add: [at(5, 'a')] });
      expect(await records.due(5, 10)).toEqual([at(5, 'a')]);
      await records.write('p', [{ op: 'replace', list: 'runs', id: 'a', value: 2 }], {
        add: [at(9, 'a')],
        remove: [at(5, 'a')],
      });
      expect(await records.due(10, 10)).toEqual([at(9, 'a')]);
      await records.write('p', [], { remove: [at(9, 'a')] });
      expect(await records.due(10, 10)).toEqual([]);
    });

    it('removes nothing with a write that fails', async () => {
      await records.writeDue({ add: [at(5, 'a')] });
      const write = records.write('p', [{ op: 'replace', list: 'runs', id: 'absent', value: 2 }], {
        remove: [at(5, 'a')],
      });
      await expect(write).rejects.toMatchObject({ name: 'ConflictError' });
      expect(await records.due(10, 10)).toEqual([at(5, 'a')]);
    });

    it('keeps due records of kinds and ids with any text apart', async () => {
      const names = ['a', 'A', 'a/b', '/', '%', "'", '👩‍🚀', 'a b', '#?', 'x'.repeat(200)];
      const add = names.flatMap((kind) => names.map((id) => at(1, id, kind)));
      await records.writeDue({ add });
      const due = await records.due(1, 1000);
      expect(due).toHaveLength(add.length);
      expect(due).toEqual(expect.arrayContaining(add));
    });

    it('deletes no due record with a partition', async () => {
      await records.write('p', [{ op: 'create', list: 'runs', id: 'a', order: '1', value: 1 }], { add: [at(5, 'a')] });
      await records.deletePartition('p');
      expect(await records.due(10, 10)).toEqual([at(5, 'a')]);
    });
  });
}
