/** The places of deleted records, and when they go. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deletedPlace, deleteListed, PLACE_DUE, sweepPlace } from '../../src/storage/deletedPlaces';
import { selectedPage } from '../../src/storage/selectedPages';
import type { Records } from '../../src/storage/ports';
import { openRecords } from '../support/storage';

const partition = 't/-/letters';
const HOUR = 3600;
const NOW = 1_800_000_000_000;
const key = (id: string) => ({ partition, list: 'letters', id });

let directory: string;
let records: Records;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'places-'));
  records = await openRecords(directory);
});
afterEach(async () => {
  await records.close();
  await rm(directory, { recursive: true, force: true });
});

const create = async (id: string, order = id) =>
  records.write(partition, [{ op: 'create', list: 'letters', id, order, value: { id } }]);
const sweep = async (seconds: number) => {
  const due = await records.due(seconds, 10);
  for (const record of due) await sweepPlace(records, record);
  return due.length;
};

it('a place is kept for an hour', async () => {
  await create('a');
  await deleteListed(records, key('a'), NOW);
  expect(await records.get(key('a'))).toBeUndefined();
  expect(await deletedPlace(records, key('a'))).toEqual({ id: 'a', order: 'a' });
  expect(await sweep(NOW / 1000 + HOUR - 1)).toBe(0);
  expect(await sweep(NOW / 1000 + HOUR)).toBe(1);
  expect(await deletedPlace(records, key('a'))).toBeUndefined();
  expect(await records.due(Infinity, 10)).toEqual([]);
  expect(await records.partitions('t/', { limit: 10 })).toEqual([]);
});

it('a record that is made and deleted again has its last place, for an hour from then', async () => {
  await create('a', '1');
  await deleteListed(records, key('a'), NOW);
  await create('a', '2');
  await deleteListed(records, key('a'), NOW + 60_000);
  expect(await sweep(NOW / 1000 + HOUR)).toBe(1);
  expect(await deletedPlace(records, key('a'))).toEqual({ id: 'a', order: '2' });
  expect((await records.due(Infinity, 10)).map(({ kind }) => kind)).toEqual([PLACE_DUE]);
  expect(await sweep(NOW / 1000 + HOUR + 60)).toBe(1);
  expect(await deletedPlace(records, key('a'))).toBeUndefined();
});

it('two who delete a record at once both succeed, and what is not there has no place', async () => {
  await create('a');
  await Promise.all([1, 2, 3].map(async () => deleteListed(records, key('a'), NOW)));
  expect(await deletedPlace(records, key('a'))).toEqual({ id: 'a', order: 'a' });
  await deleteListed(records, key('b'), NOW);
  expect(await deletedPlace(records, key('b'))).toBeUndefined();
});

it('a page of selected records is filled though records that it passes over are deleted while it is read', async () => {
  for (let number = 0; number < 9; number += 1) await create(`a${number}`);
  const page = await selectedPage<{ id: string }, string>(
    records,
    { partition, list: 'letters' },
    { order: 'asc', limit: 2 },
    async ({ id }) => {
      if (id >= 'a7') return id;
      await records.write(partition, [{ op: 'delete', list: 'letters', id }]);
      return undefined;
    },
  );
  expect(page).toEqual({ data: ['a7', 'a8'], hasMore: false });
});
