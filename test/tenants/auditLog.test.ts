/** How the audit in the store behaves while the store is slow or fails. */
import type { AuditEvent } from '../../src/auditEvent';
import { ConflictError, type Change } from '../../src/storage/ports';
import { createAuditLog } from '../../src/tenants/auditLog';

const event = (n: number, tenant = 'team'): AuditEvent => ({
  time: '2026-11-26T12:00:00.000Z',
  tenant,
  project: '-',
  principal: 'key_1',
  operation: 'POST /threads',
  object: {},
  request_id: String(n),
  status: 200,
  outcome: 'succeeded',
});

it('writes what comes during a write together, in bounded batches, a tenant and day each', async () => {
  const writes: { partition: string; count: number }[] = [];
  const log = createAuditLog({
    records: {
      async write(partition: string, changes: Change[]) {
        writes.push({ partition, count: changes.length });
        await new Promise(setImmediate);
        return changes.map(() => '');
      },
    },
    now: Date.now,
    instead: (_event, error) => {
      throw error;
    },
  });
  await Promise.all(Array.from({ length: 70 }, async (_, n) => log.write(event(n))));
  await log.write(event(71, 'other'));
  const partition = 'team/-/audit/2026-11-26';
  expect(writes).toEqual([
    { partition, count: 1 },
    { partition, count: 32 },
    { partition, count: 32 },
    { partition, count: 5 },
    { partition: 'other/-/audit/2026-11-26', count: 1 },
  ]);
});

it('keeps no answer waiting for longer than a second, and hands over what could not be written', async () => {
  const instead: string[] = [];
  let fail: ((error: Error) => void) | undefined;
  const log = createAuditLog({
    records: { write: () => new Promise((_, reject) => (fail = reject)) },
    now: Date.now,
    instead: ({ request_id: id }) => void instead.push(id),
  });
  const began = performance.now();
  await log.write(event(1));
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(instead).toEqual([]);
  fail?.(new ConflictError({ partition: 'p', list: 'l', id: 'i' }));
  await log.close();
  expect(instead).toEqual(['1']);
});

it('hands over at once what comes while thousands of events wait', async () => {
  const instead: string[] = [];
  const log = createAuditLog({
    records: { write: () => new Promise(() => undefined) },
    now: Date.now,
    instead: ({ request_id: id }) => void instead.push(id),
  });
  for (let n = 0; n < 5_002; n += 1) void log.write(event(n));
  expect(instead).toEqual(['5001']);
});
