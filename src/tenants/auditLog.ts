/** The audit in the store: a partition for each tenant and day. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEvent } from '../auditEvent';
import type { Scope } from '../scope';
import { newId, orderKey, partitionOf } from '../storage/keys';
import type { Change, Records } from '../storage/ports';

/** First segment behind the scope of partitions of the audit. */
export const AUDIT = 'audit';
const EVENTS = 'events';

/** Events of one write: a write of Table Storage takes 33 new records with what they need beside them. */
const BATCH = 32;
/** Events that wait to be written, of all tenants. */
const MAX_WAITING = 5_000;
/** How long an answer waits for its event. */
const WAIT_MS = 1_000;

export interface AuditLog {
  /**
   * Resolves when the event is durable, or after a second, or when it can't be written; never rejects. What can't be written goes to `instead`, so that no event is lost
   * in silence.
   */
  write(event: AuditEvent): Promise<void>;
  /** Waits for the writes under way. */
  close(): Promise<void>;
}

interface Waiting {
  event: AuditEvent;
  done: () => void;
}

/** @param ports.instead Takes an event that could not be stored, and why. */
export function createAuditLog(ports: {
  records: Pick<Records, 'write'>;
  now: () => number;
  instead: (event: AuditEvent, error: unknown) => void;
}): AuditLog {
  const { records, now, instead } = ports;
  const queues = new Map<string, Waiting[]>();
  const underWay = new Set<Promise<void>>();
  let waiting = 0;

  const change = ({ event }: Waiting): Change => ({
    op: 'create',
    list: EVENTS,
    id: newId(''),
    order: orderKey(now()),
    value: event,
  });

  /** Writes what waits for the partition, and what comes meanwhile, until nothing does. */
  async function drain(partition: string, queue: Waiting[]): Promise<void> {
    for (;;) {
      const batch = queue.splice(0, BATCH);
      if (batch.length === 0) break;
      waiting -= batch.length;
      try {
        await records.write(partition, batch.map(change));
      } catch (error) {
        for (const { event } of batch) instead(event, error);
      }
      for (const { done } of batch) done();
    }
    queues.delete(partition);
  }

  return {
    async write(event) {
      if (waiting >= MAX_WAITING) return instead(event, new Error('Too many events of the audit wait to be written.'));
      const scope: Scope = { tenant: event.tenant, project: '-' };
      const partition = partitionOf(scope, AUDIT, event.time.slice(0, 10));
      const written = new Promise<void>((done) => {
        waiting += 1;
        const queue = queues.get(partition);
        if (queue) return void queue.push({ event, done });
        const begun = [{ event, done }];
        queues.set(partition, begun);
        const draining = drain(partition, begun).finally(() => underWay.delete(draining));
        underWay.add(draining);
      });
      const late = new AbortController();
      const limit = sleep(WAIT_MS, undefined, { signal: late.signal, ref: false }).catch(() => undefined);
      await Promise.race([written, limit]);
      late.abort();
    },
    close: async () => void (await Promise.all(underWay)),
  };
}

/** Removes a day of the audit that is older. @param before Unix milliseconds. */
export async function removeOldAudit(records: Records, scope: Scope, day: string, before: number): Promise<void> {
  const end = Date.parse(`${day}T00:00:00Z`) + 86_400_000;
  if (end <= before) await records.deletePartition(partitionOf(scope, AUDIT, day));
}
