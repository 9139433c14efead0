/** Usage by day and deployment, as it is counted and kept. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Records } from '../../src/storage/ports';
import { createUsage } from '../../src/tenants/usage';
import { openRecords, withWrite } from '../support/storage';

let folder: string;
let records: Records;
let clock: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'usage-'));
  records = await openRecords(folder);
  clock = Date.parse('2026-11-26T23:59:59Z');
});
afterEach(async () => {
  await records.close();
  await rm(folder, { recursive: true, force: true });
});

const usageOver = (over: Records, faults: unknown[] = []) =>
  createUsage({ records: over, now: () => clock, logFault: (_message, error) => void faults.push(error) });
const took = (prompt: number, completion: number) => ({ prompt, completion, total: prompt + completion });
const row = (date: string, deployment: string, calls: number, metered: number, prompt: number, completion: number) => ({
  date,
  deployment,
  calls,
  metered_calls: metered,
  prompt_tokens: prompt,
  completion_tokens: completion,
});

it('several instances add to the same days, and no call costs a write of its own', async () => {
  let writes = 0;
  const counted = withWrite(records, async (...given) => {
    writes += 1;
    return records.write(...given);
  });
  const [one, two] = [usageOver(counted), usageOver(counted)];
  for (let n = 0; n < 1000; n += 1) {
    one.meter.call('team', 'gpt');
    one.meter.tokens('team', 'gpt', took(2, 1));
  }
  two.meter.call('team', 'gpt');
  two.meter.call('other', 'gpt');
  clock += 2_000;
  two.meter.call('team', 'embed');
  await Promise.all([one.close(), two.close()]);
  expect(writes).toBeLessThanOrEqual(5);
  const rows = await usageOver(records).read('team', '2026-11-01', '2026-11-30');
  expect(rows).toEqual([row('2026-11-26', 'gpt', 1001, 1000, 2000, 1000), row('2026-11-27', 'embed', 1, 0, 0, 0)]);
  expect(await usageOver(records).read('team', '2026-11-27', '2026-11-27')).toHaveLength(1);
});

it('what could not be written is added later, once', async () => {
  let isDown = true;
  const faults: unknown[] = [];
  const usage = usageOver(
    withWrite(records, async (...given) => {
      if (isDown) throw new Error('down');
      return records.write(...given);
    }),
    faults,
  );
  usage.meter.call('team', 'gpt');
  expect(await usage.read('team', '2026-11-26', '2026-11-26')).toEqual([]);
  expect(faults).toHaveLength(1);
  usage.meter.call('team', 'gpt');
  isDown = false;
  expect(await usage.read('team', '2026-11-26', '2026-11-26')).toEqual([row('2026-11-26', 'gpt', 2, 0, 0, 0)]);
  await usage.close();
});

it('whoever closes waits for what readers have begun to write', async () => {
  const order: string[] = [];
  const begun = Promise.withResolvers<void>();
  const usage = usageOver(
    withWrite(records, async (...given) => {
      begun.resolve();
      await new Promise((resolve) => setTimeout(resolve, 20));
      const etags = await records.write(...given);
      order.push('written');
      return etags;
    }),
  );
  usage.meter.call('team', 'gpt');
  const first = usage.read('team', '2026-11-26', '2026-11-26');
  await begun.promise;
  usage.meter.call('team', 'embed');
  const second = usage.read('team', '2026-11-26', '2026-11-26');
  await usage.close();
  order.push('closed');
  await Promise.all([first, second]);
  expect(order).toEqual(['written', 'written', 'closed']);
});

it('names of deployments beyond 200 a day count together', async () => {
  const usage = usageOver(records);
  for (let n = 0; n < 300; n += 1) usage.meter.call('team', `made up ${n}`);
  const rows = await usage.read('team', '2026-11-26', '2026-11-26');
  expect(rows).toHaveLength(201);
  expect(rows.at(-1)).toEqual(row('2026-11-26', '(other)', 100, 0, 0, 0));
  await usage.close();
});
