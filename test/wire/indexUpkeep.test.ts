/** The index of a store that was changed by little is put in order by the maintenance of the host. */
import { join } from 'node:path';
import { connect } from '@lancedb/lancedb';
import { indexUpkeepDue } from '../../src/retrieval/indexUpkeep';
import { startHost, type Host } from '../support/host';
import { eventually, soon } from '../support/polling';
import { openRecords } from '../support/storage';

let host: Host;
beforeAll(async () => {
  host = await startHost();
}, 60_000);
afterAll(async () => host.stop());

it('puts the index in order when that is due', async () => {
  const { files, vectorStores } = host.openai();
  const store = await vectorStores.create({});
  for (const name of ['a.txt', 'b.txt', 'c.txt']) {
    const { id } = await files.create({ file: new File([`Otters of ${name}`], name), purpose: 'assistants' });
    await vectorStores.files.createAndPoll(store.id, { file_id: id }, soon);
  }
  const { dataDir } = host;
  await host.kill();
  const fragments = async () => {
    const database = await connect(join(dataDir, 'lancedb'));
    const [name = ''] = await database.tableNames();
    return (await (await database.openTable(name)).stats()).fragmentStats.numFragments;
  };
  expect(await fragments()).toBe(3);
  const records = await openRecords(dataDir);
  // Ten minutes ago the end of the time was ten minutes away at most.
  await records.writeDue({
    add: [indexUpkeepDue({ tenant: 'alpha', id: store.id }, Math.floor(Date.now() / 1000) - 600)],
  });
  await records.close();
  host = await startHost({ dataDir });
  await eventually('one fragment', async () => ((await fragments()) === 1 ? true : undefined));
}, 90_000);
