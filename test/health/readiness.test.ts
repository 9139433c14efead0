import { setImmediate as turn } from 'node:timers/promises';
import { createReadiness } from '../../src/health/readiness';

let time: number;
let faults: string[];
const readinessOf = (checks: Record<string, () => Promise<unknown>>, timeLimitMs = 5_000) =>
  createReadiness<undefined>({
    checks,
    timeLimitMs,
    now: () => time,
    logFault: (message, error) => void faults.push(`${message} ${String(error)}`),
  });

beforeEach(() => {
  time = 0;
  faults = [];
});

it('is ready where every dependency answers', async () => {
  const readiness = readinessOf({ records: async () => undefined, blobs: async () => 'there' });
  const ok = { status: 'ok', milliseconds: 0 };
  expect(await readiness(undefined)).toEqual({ isReady: true, checks: { records: ok, blobs: ok } });
});

it('names the dependency that is down, and tells its fault to the log alone', async () => {
  const readiness = readinessOf({
    records: async () => Promise.reject(new Error('AccountKey=secret')),
    blobs: async () => undefined,
  });
  const found = await readiness(undefined);
  expect(found).toMatchObject({ isReady: false, checks: { records: { status: 'failed' }, blobs: { status: 'ok' } } });
  expect(JSON.stringify(found)).not.toContain('secret');
  expect(faults).toEqual(['The server is not ready: records failed. Error: AccountKey=secret']);
});

it('does not wait longer than the time for one that hangs, and does not ask it again before it has answered', async () => {
  let asked = 0;
  let answer: (() => void) | undefined;
  const hangs = async () => {
    asked += 1;
    await new Promise<void>((resolve) => (answer = resolve));
  };
  const readiness = readinessOf({ hangs, well: async () => undefined }, 10);
  const late = { isReady: false, checks: { hangs: { status: 'late' }, well: { status: 'ok' } } };
  expect(await readiness(undefined)).toMatchObject(late);
  time = 6_000;
  expect(await readiness(undefined)).toMatchObject(late);
  expect(asked).toBe(1);
  answer?.();
  await turn();
  time = 12_000;
  const again = readiness(undefined);
  await turn();
  answer?.();
  expect(await again).toMatchObject({ isReady: true });
  expect(asked).toBe(2);
});

it('asks once for probes that come together or within five seconds, and anew after that', async () => {
  let asked = 0;
  const readiness = readinessOf({ records: async () => void (asked += 1) });
  await Promise.all([readiness(undefined), readiness(undefined)]);
  time = 4_999;
  await readiness(undefined);
  expect(asked).toBe(1);
  time = 5_000;
  await readiness(undefined);
  expect(asked).toBe(2);
});

it('asks anew where the clock was set back', async () => {
  let asked = 0;
  const readiness = readinessOf({ records: async () => void (asked += 1) });
  time = 3_600_000;
  await readiness(undefined);
  time = 0;
  await readiness(undefined);
  expect(asked).toBe(2);
});
