import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const crashHost = path.resolve(__dirname, '../../../dist/test/localHost/durable/fixtures/crashHost.js');
const count = 30;
const kills = 8;

/** Numbers between 0 and 1 that follow from the seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Runs the process and kills it after `lifetime` milliseconds. Resolves with its exit code, null if it was killed. */
async function live(folder: string, lifetime: number | undefined): Promise<number | null> {
  const child = spawn(process.execPath, [crashHost, folder, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  child.stdout.setEncoding('utf8');
  const up = new Promise<void>((resolve) => {
    child.stdout.on('data', (text: string) => {
      if (text.includes('up\n')) resolve();
      if (/^error/m.test(text)) process.stdout.write(text);
    });
  });
  if (lifetime !== undefined) {
    await Promise.race([up, exit]);
    await Promise.race([delay(lifetime), exit]);
    child.kill('SIGKILL');
  }
  return (await exit)[0];
}

interface Outcome {
  instanceId: string;
  runtimeStatus: string;
  output: unknown[];
}

describe('a host that is killed again and again', () => {
  it('completes every orchestration once, with the right output, each activity at least once', async () => {
    const seed = Date.now() % 1_000_000;
    process.stdout.write(`crash test seed ${seed}\n`);
    const random = randomNumbers(seed);
    const folder = await mkdtemp(path.join(tmpdir(), 'durable-crash-'));
    try {
      for (let kill = 0; kill < kills; kill++) await live(folder, random() * 250);
      expect(await live(folder, undefined)).toBe(0);
      const outcome = JSON.parse(await readFile(path.join(folder, 'outcome.json'), 'utf8')) as Outcome[];
      const lines = (await readFile(path.join(folder, 'activities.log'), 'utf8')).split('\n').filter(Boolean);
      const expected = (id: string) =>
        [3, 2, 1].flatMap((left) => [[`${id} ${left} x`, `${id} ${left} y`], `${id} ${left} part`.length]);
      expect(outcome).toHaveLength(count);
      for (const { instanceId, runtimeStatus, output } of outcome) {
        expect({ runtimeStatus, output }).toEqual({ runtimeStatus: 'Completed', output: expected(instanceId) });
      }
      const activities = outcome.flatMap(({ instanceId: id }) =>
        [3, 2, 1].flatMap((left) => [`${id} ${left} x`, `${id} ${left} y`, `${id} ${left} part`]),
      );
      expect(new Set(lines)).toEqual(new Set(activities));
      // Only what was under way when the process was killed may run again.
      for (const activity of activities) {
        expect(lines.filter((line) => line === activity).length).toBeLessThanOrEqual(1 + kills);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 120_000);
});
