/** Probes, which need no key: whether the process serves, and whether what it depends on is there. */
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { services } from '../app';
import { createReadiness } from '../health/readiness';
import { registerOpen } from '../http/family';
import { logFault } from '../log';
import { isAbsent } from './orchestrationStart';

/** No record, blob or store has this name: that it is not there is the answer that is hoped for. */
const NOTHING = 'health';

const readiness = createReadiness<InvocationContext>({
  checks: {
    records: async () => (await services()).storage.records.get({ partition: NOTHING, list: NOTHING, id: NOTHING }),
    blobs: async () => (await services()).storage.blobs.info(`files/${NOTHING}`),
    vectors: async () => (await services()).storage.index.count({ tenant: NOTHING, id: NOTHING }),
    orchestrations: async (invocation) => orchestrations(invocation),
  },
  now: Date.now,
  logFault,
});

/** Asks the task hub for an orchestration that does not exist. */
async function orchestrations(invocation: InvocationContext): Promise<void> {
  try {
    await df.getClient(invocation).getStatus(NOTHING);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** `GET /health/live` and `GET /health/ready`; the second answers 503 where a dependency failed. Model services are not called, and do not count: others may serve. */
export function registerHealth(): void {
  registerOpen('health-live', 'health/live', () => Response.json({ status: 'live' }));
  registerOpen('health-ready', 'health/ready', ready, { client: true });
}

async function ready(invocation: InvocationContext): Promise<Response> {
  const { isReady, checks } = await readiness(invocation);
  const models = checks.records?.status === 'ok' ? (await services()).gateway.health() : {};
  const body = { status: isReady ? 'ready' : 'unready', checks, models };
  return Response.json(body, { status: isReady ? 200 : 503, headers: { 'cache-control': 'no-store' } });
}
