/**
 * What tenants use of the model services, by day and deployment.
 *
 * Counted in memory and added to the store every ten seconds and when the app ends, so a call costs no write, and a crash loses what the last ten seconds counted. A
 * write that succeeds without its answer arriving is added again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { UsageMeter } from '../models/gateway';
import { partitionOf } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import type { Records } from '../storage/ports';

/** What a deployment was used on a day. */
export interface DeploymentUsage {
  /** As the callers named it. */
  deployment: string;
  /** Calls that a model service answered with a success. */
  calls: number;
  /** Those of them whose answer said how many tokens it took. */
  metered_calls: number;
  prompt_tokens: number;
  completion_tokens: number;
}

/** A row of the report. */
export interface DailyUsage extends DeploymentUsage {
  /** YYYY-MM-DD, UTC. */
  date: string;
}

interface DayRecord {
  deployments: DeploymentUsage[];
}

const LIST = 'usage';
const FLUSH_MS = 10_000;
/** Names are the callers' where a backend serves any: those beyond count as {@link OTHER}. */
const MAX_DEPLOYMENTS = 200;
const OTHER = '(other)';
const MAX_NAME = 256;
/** Days read at once. */
const READS = 31;
const DAY_MS = 86_400_000;

export interface Usage {
  meter: UsageMeter;
  /** The tenant's usage of the days from `start` to `end`, both included, the oldest first; what this instance has counted is in it. */
  read(tenant: string, start: string, end: string): Promise<DailyUsage[]>;
  /** Writes what was counted. */
  close(): Promise<void>;
}

type Day = Map<string, DeploymentUsage>;

const dateOf = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 10);

/** @param ports.now Unix milliseconds. */
export function createUsage(ports: {
  records: Records;
  now: () => number;
  logFault: (message: string, error: unknown) => void;
}): Usage {
  const { records, now, logFault } = ports;
  /** By tenant and day. */
  let counted = new Map<string, { tenant: string; date: string; day: Day }>();
  const closing = new AbortController();
  let flushing = Promise.resolve();
  let timer: Promise<void> | undefined;

  const placeOf = (tenant: string, date: string) => ({
    partition: partitionOf({ tenant, project: '-' }, LIST),
    list: LIST,
    id: date,
  });

  function count(tenant: string, deployment: string, amount: Partial<DeploymentUsage>): void {
    const date = dateOf(now());
    const key = `${tenant} ${date}`;
    const entry = counted.get(key) ?? { tenant, date, day: new Map() };
    counted.set(key, entry);
    add(entry.day, { ...unused(deployment.slice(0, MAX_NAME)), ...amount });
    timer ??= flushLater();
  }

  async function flushLater(): Promise<void> {
    await sleep(FLUSH_MS, undefined, { ref: false, signal: closing.signal }).catch(() => undefined);
    timer = undefined;
    if (!closing.signal.aborted) await flush();
  }

  /** One at a time, so that whoever waits for the last waits for all: a tenant's record is read, and written with what was counted. */
  async function flush(): Promise<void> {
    flushing = flushing.then(flushOnce);
    await flushing;
  }

  async function flushOnce(): Promise<void> {
    const taken = counted;
    counted = new Map();
    for (const [key, entry] of taken) {
      try {
        await write(entry);
      } catch (error) {
        logFault(`The usage of tenant '${entry.tenant}' could not be written, and will be tried again:`, error);
        const since = counted.get(key);
        if (since) for (const amount of since.day.values()) add(entry.day, amount);
        counted.set(key, entry);
        timer ??= flushLater();
      }
    }
  }

  async function write({ tenant, date, day }: { tenant: string; date: string; day: Day }): Promise<void> {
    const { partition, list, id } = placeOf(tenant, date);
    await withRetries(async () => {
      const found = await records.get<DayRecord>({ partition, list, id });
      const sum: Day = new Map();
      for (const amount of [...(found?.value.deployments ?? []), ...day.values()]) add(sum, amount);
      const value: DayRecord = { deployments: [...sum.values()] };
      await records.write(partition, [
        found
          ? { op: 'replace', list, id, value, ifMatch: found.etag }
          : { op: 'create', list, id, order: date, value },
      ]);
    });
  }

  return {
    meter: {
      call: (tenant, deployment) => count(tenant, deployment, { calls: 1 }),
      tokens: (tenant, deployment, { prompt, completion }) =>
        count(tenant, deployment, { metered_calls: 1, prompt_tokens: prompt, completion_tokens: completion }),
    },
    async read(tenant, start, end) {
      await flush();
      const dates: string[] = [];
      for (let at = Date.parse(start); at <= Date.parse(end); at += DAY_MS) dates.push(dateOf(at));
      const rows: DailyUsage[] = [];
      for (let from = 0; from < dates.length; from += READS) {
        const some = dates.slice(from, from + READS);
        const days = await Promise.all(some.map(async (date) => records.get<DayRecord>(placeOf(tenant, date))));
        days.forEach((day, at) => {
          for (const usage of day?.value.deployments ?? []) rows.push({ date: some[at] ?? '', ...usage });
        });
      }
      return rows;
    },
    async close() {
      closing.abort();
      await flush();
    },
  };
}

const unused = (deployment: string): DeploymentUsage => ({
  deployment,
  calls: 0,
  metered_calls: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
});

function add(day: Day, amount: DeploymentUsage): void {
  const isKnown = day.has(amount.deployment);
  const name = isKnown || day.size < MAX_DEPLOYMENTS ? amount.deployment : OTHER;
  const sum = day.get(name) ?? unused(name);
  day.set(name, {
    deployment: name,
    calls: sum.calls + amount.calls,
    metered_calls: sum.metered_calls + amount.metered_calls,
    prompt_tokens: sum.prompt_tokens + amount.prompt_tokens,
    completion_tokens: sum.completion_tokens + amount.completion_tokens,
  });
}
