/**
 * What the gateway costs beyond its upstream, beside a peer, in one run on one machine with one upstream. Prints Markdown for docs/benchmarks.md; also a
 * program: `node dist/test/bench/gateway.js`.
 */
import { loadavg } from 'node:os';
import { direct, installPeer, PEER, portkey, startUpstream, thisPackage, type Subject } from './gatewaySubjects';
import { answerBytes } from './leanUpstream';
import { loadClient, type Exchange } from './loadClient';
import { peakMemory, processorSeconds, resetPeakMemory } from './processes';

const SECONDS = Number(process.env.BENCH_SECONDS ?? 10);
const UPLOAD_BYTES = Number(process.env.BENCH_UPLOAD_MB ?? 500) * 1024 * 1024;
const STREAMS = 500;
const STREAM = 'stream-40-25';
const CONNECTIONS = 64;
const ROUNDS = 3;

type Name = Subject['name'];
/** Of a row: a value for each subject, and what the goal says about them. */
interface Row {
  what: string;
  values: Partial<Record<Name, number | string>>;
  unit: string;
  goal?: string;
  load: number;
}

const percentile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;

class Report {
  private readonly rows: Row[] = [];

  add(what: string, unit: string, values: Row['values'], goal?: string): void {
    const row = { what, unit, values, goal, load: loadavg()[0] ?? NaN };
    this.rows.push(row);
    console.error(`${what}: ${JSON.stringify(values)} ${unit} ${goal ?? ''}`);
  }

  markdown(): string {
    const shown = (value: number | string | undefined): string =>
      typeof value === 'number' ? value.toFixed(value < 10 ? 2 : 0) : (value ?? '');
    const lines = this.rows.map(({ what, values, unit, goal, load }) => {
      const cells = [values.direct, values['this package'], values.portkey].map(shown);
      return `| ${what}${unit && ` (${unit})`} | ${cells.join(' | ')} | ${ratio(values)} | ${goal ?? ''} | ${load.toFixed(1)} |`;
    });
    return [
      '| what | direct | this package | peer | ours / peer | goal | load |',
      '|---|---|---|---|---|---|---|',
      ...lines,
    ].join('\n');
  }
}

function ratio(values: Row['values']): string {
  const { 'this package': ours, portkey: peers } = values;
  return typeof ours === 'number' && typeof peers === 'number' ? (ours / peers).toFixed(2) : '';
}

const verdict = (isMet: boolean, goal: string): string => `${goal}: ${isMet ? 'met' : 'NOT met'}`;

/** Runs `work` in so many clients for the seconds; how many a second. */
async function rate(connections: number, seconds: number, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  let done = 0;
  const client = async (): Promise<void> => {
    while (performance.now() - began < seconds * 1000) {
      await work();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  return (done / (performance.now() - began)) * 1000;
}

async function warmUp(subjects: Subject[]): Promise<void> {
  for (const subject of subjects) {
    const client = loadClient(subject, CONNECTIONS);
    await rate(CONNECTIONS, Math.min(5, SECONDS / 2), () => client.chat('wait-0'));
    await rate(8, 1, () => client.chat('stream-40-0'));
    await client.close();
  }
}

/** One call at a time; rounds go around the subjects, so that what disturbs the machine disturbs all. */
async function alone(subjects: Subject[], model: string, calls: number): Promise<Map<Name, Exchange[]>> {
  const measured = new Map<Name, Exchange[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const subject of subjects) {
      const client = loadClient(subject, 1);
      for (let call = 0; call < 20; call += 1) await client.chat(model);
      for (let call = 0; call < calls / ROUNDS; call += 1) measured.get(subject.name)?.push(await client.chat(model));
      await client.close();
    }
  }
  return measured;
}

async function measureLatency(subjects: Subject[], report: Report): Promise<void> {
  const measured = await alone(subjects, 'wait-0', 1500);
  for (const share of [0.5, 0.95, 0.99]) {
    const at = (name: Name) =>
      percentile(
        (measured.get(name) ?? []).map(({ total }) => total),
        share,
      );
    const values = {
      direct: at('direct'),
      'this package': at('this package') - at('direct'),
      portkey: at('portkey') - at('direct'),
    };
    report.add(
      `Latency, one call at a time, p${share * 100}: direct, and what is added`,
      'ms',
      values,
      verdict(values['this package'] <= values.portkey / 2, '≤ half the peer'),
    );
  }
  const streamed = await alone(subjects, 'stream-40-0', 600);
  const first = (name: Name) =>
    percentile(
      (streamed.get(name) ?? []).map(({ firstByte }) => firstByte),
      0.5,
    );
  report.add('First byte of a stream, one at a time, p50', 'ms', {
    direct: first('direct'),
    'this package': first('this package'),
    portkey: first('portkey'),
  });
}

async function measureRates(subjects: Subject[], report: Report): Promise<void> {
  for (const wait of [0, 50]) {
    const rates: Record<Name, number> = { direct: 0, 'this package': 0, portkey: 0 };
    const costs: Record<Name, number> = { direct: 0, 'this package': 0, portkey: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const subject of subjects) {
        const client = loadClient(subject, CONNECTIONS);
        await rate(CONNECTIONS, 0.5, () => client.chat(`wait-${wait}`));
        const before = processorSeconds(subject.pid);
        const seconds = SECONDS / ROUNDS;
        const one = await rate(CONNECTIONS, seconds, () => client.chat(`wait-${wait}`));
        rates[subject.name] += one / ROUNDS;
        costs[subject.name] += (((processorSeconds(subject.pid) - before) / (one * seconds)) * 1000) / ROUNDS;
        await client.close();
      }
    }
    const { direct: bare, 'this package': ours, portkey: peers } = rates;
    const goal =
      wait === 0
        ? verdict(ours >= 1.3 * peers, '≥ 1.3 × the peer')
        : verdict(ours >= 0.9 * bare, `≥ 90 % of direct (${((ours / bare) * 100).toFixed(0)} %)`);
    report.add(`Requests per second, ${CONNECTIONS} connections, upstream ${wait} ms`, '', rates, goal);
    report.add(
      `Processor time per 1,000 requests in these`,
      's',
      { 'this package': costs['this package'], portkey: costs.portkey },
      verdict(costs['this package'] <= costs.portkey / 2, '≤ half the peer'),
    );
  }
}

async function measureStreams(subjects: Subject[], report: Report): Promise<void> {
  const times: Row['values'] = {};
  const firsts: Row['values'] = {};
  const memory: Row['values'] = {};
  const costs: Row['values'] = {};
  const complete: Row['values'] = {};
  for (const subject of subjects) {
    const client = loadClient(subject, STREAMS);
    resetPeakMemory(subject.pid);
    const before = processorSeconds(subject.pid);
    const began = performance.now();
    const ends = await Promise.allSettled(Array.from({ length: STREAMS }, () => client.chat(STREAM)));
    const done = ends.flatMap((end) =>
      end.status === 'fulfilled' && end.value.bytes === answerBytes(STREAM) ? [end.value] : [],
    );
    const { name, pid } = subject;
    times[name] = performance.now() - began;
    complete[name] = `${done.length} of ${STREAMS}`;
    firsts[name] = percentile(
      done.map(({ firstByte }) => firstByte),
      0.95,
    );
    costs[name] = processorSeconds(pid) - before;
    memory[name] = peakMemory(pid);
    await client.close();
  }
  report.add(`${STREAMS} streams at once, 40 events 25 ms apart: whole`, '', complete);
  report.add('… time until the last has ended', 'ms', times);
  report.add('… first byte, p95', 'ms', firsts);
  report.add('… processor time', 's', costs);
  report.add('… peak memory', 'MB', memory);
}

async function measureUpload(subjects: Subject[], report: Report): Promise<void> {
  const memory: Row['values'] = {};
  const times: Row['values'] = {};
  for (const subject of subjects) {
    const client = loadClient(subject, 1);
    resetPeakMemory(subject.pid);
    const before = peakMemory(subject.pid);
    try {
      const { total } = await client.upload('wait-0', UPLOAD_BYTES);
      times[subject.name] = total / 1000;
      memory[subject.name] = `${peakMemory(subject.pid).toFixed(0)} (${before.toFixed(0)} before)`;
    } catch (error) {
      times[subject.name] = `failed: ${error instanceof Error ? error.message.slice(0, 100) : String(error)}`;
    }
    await client.close();
  }
  const megabytes = UPLOAD_BYTES / 1024 / 1024;
  report.add(`${megabytes} MB of audio in a form: time`, 's', times);
  report.add('… peak memory', 'MB', memory);
}

/** Runs every measurement; the table. */
export async function benchGateway(): Promise<string> {
  const report = new Report();
  const upstream = await startUpstream();
  const peer = await installPeer();
  const subjects = [direct(upstream), await thisPackage(upstream), await portkey(upstream, peer.folder)];
  try {
    await warmUp(subjects);
    await measureLatency(subjects, report);
    await measureRates(subjects, report);
    await measureStreams(subjects, report);
    await measureUpload(subjects, report);
  } finally {
    for (const subject of subjects) await subject.stop();
    await upstream.stop();
    await peer.remove();
  }
  return `Peer: ${PEER}.\n\n${report.markdown()}`;
}

if (require.main === module) void benchGateway().then((table) => console.log(table));
