/** What a response costs beyond its upstream, alone and at the end of a long chain. */
import { openHost, type HostSettings, type HostUnderTest } from './hostUnderTest';
import { percentile } from './runLoad';
import type { Row } from './threads';

const UPSTREAM_MILLISECONDS = 50;
const ROUNDS = 100;
const CHAIN = 200;
/** Chains that are built side by side, so that the first and the last turns are measured often enough. */
const CHAINS = 12;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function streamed(host: HostUnderTest): Promise<void> {
  const text = await host.text('/responses', { model: 'gpt', input: 'Hello.', stream: true });
  if (!text.includes('event: response.completed'))
    throw new Error(`A streamed response did not complete: ${text.slice(-500)}`);
}

const whole = async (host: HostUnderTest, previous?: string): Promise<string> =>
  (
    await host.call<{ id: string }>('POST', '/responses', {
      model: 'gpt',
      input: 'Hello.',
      ...(previous !== undefined && { previous_response_id: previous }),
    })
  ).id;

/** Prints the time beyond the upstream's, and that of the last turn of a chain beside its first. */
export async function benchResponses(row: Row, settings: HostSettings): Promise<void> {
  const slow = await openHost(UPSTREAM_MILLISECONDS, settings);
  for (let index = 0; index < 30; index += 1) await Promise.all([whole(slow), streamed(slow)]);
  for (const [name, work] of [
    ['whole', whole],
    ['streamed', streamed],
  ] as const) {
    const times: number[] = [];
    for (let index = 0; index < ROUNDS; index += 1)
      times.push((await timed(async () => work(slow))) - UPSTREAM_MILLISECONDS);
    const p50 = percentile(times, 0.5);
    row(
      `Response, ${name} and stored, one at a time: time beyond the upstream's (goal p50 10 ms)`,
      `p50 ${p50.toFixed(1)} ms, p95 ${percentile(times, 0.95).toFixed(1)} ms: ${p50 <= 10 ? 'met' : 'NOT met'}`,
    );
  }
  await slow.stop();

  const host = await openHost(0, settings);
  for (let index = 0; index < 100; index += 1) await whole(host);
  const first: number[] = [];
  const last: number[] = [];
  for (let chain = 0; chain < CHAINS; chain += 1) {
    let previous: string | undefined;
    for (let turn = 0; turn < CHAIN; turn += 1) {
      const time = await timed(async () => (previous = await whole(host, previous)));
      if (turn < 5) first.push(time);
      if (turn >= CHAIN - 5) last.push(time);
    }
  }
  const [ofFirst, ofLast] = [percentile(first, 0.5), percentile(last, 0.5)];
  const ratio = ofLast / ofFirst;
  row(
    `Turn of a chain of ${CHAIN} previous_response_ids, upstream without delay, p50: first five turns, last five, ratio (goal 2)`,
    `${ofFirst.toFixed(1)} ms, ${ofLast.toFixed(1)} ms, ${ratio.toFixed(2)}: ${ratio <= 2 ? 'met' : 'NOT met'}`,
  );
  row('Peak memory of the host in these', `${host.peakMemory().toFixed(0)} MB`);
  await host.stop();
}
