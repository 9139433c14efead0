/** The durable functions engine of the local host: wires its parts. ARCHITECTURE.md beside this file explains them. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FunctionInvoker } from '../functionInvoker';
import { ActivityRunner } from './activityRunner';
import { Dispatcher } from './dispatcher';
import { DurableQueue } from './durableQueue';
import { HistoryStore } from './historyStore';
import { inboxEnvelope, readInboxRow, type Inbox } from './inbox';
import { InstanceCache } from './instanceCache';
import { clientBinding, webhookPath } from './managementUrls';
import { OrchestrationClient } from './orchestrationClient';
import { DurableRoutes } from './routes';
import { startRpcServer } from './rpcServer';
import { Timers } from './timers';
import { Turn } from './turn';

export interface DurableOptions {
  invoker: FunctionInvoker;
  /** SQLite file of the durable history; created when absent. One process at a time. */
  databaseFile: string;
  /** Name of the task hub. */
  hubName: string;
  /** Port of the host. The client's own server takes this plus 10,000 when it is free, like the real host's 17071. */
  hostPort: number;
  /** Origin of the host as callers see it, such as `http://localhost:7071`. */
  publicOrigin: string;
  settings: { maxConcurrentActivities: number; maxConcurrentOrchestrators: number; defaultVersion?: string | null };
  log(level: 'info' | 'warn' | 'error', message: string): void;
  /** The clock, in Unix milliseconds; the system's by default. */
  now?: () => number;
}

export interface Durable {
  /** JSON text for inputs of type durableClient. */
  clientBinding(): string;
  /** Answers requests below /runtime/webhooks/durabletask, which need the system key; false when `path` is not one. */
  handleWebhook(request: IncomingMessage, response: ServerResponse, path: string): boolean;
  /** Goes on with everything that was under way. Call it once the functions are there. */
  start(): void;
  /** Finishes the writes under way and closes. Activities that run are abandoned, and run again after the next start. */
  stop(): Promise<void>;
}

const maxHeldMessages = 2_000;
const wakePage = 500;
const maxPort = 65_535;

/** Opens the history and the client's server; nothing runs before `start`. Throws HistoryStoreError when another process has the file open. */
export async function startDurable(options: DurableOptions): Promise<Durable> {
  const store = await HistoryStore.open(options.databaseFile);
  try {
    return await openDurable(options, store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openDurable(options: DurableOptions, store: HistoryStore): Promise<Durable> {
  const { invoker, log, hubName, publicOrigin } = options;
  const now = options.now ?? Date.now;
  const inbox: Inbox = new DurableQueue({
    limit: maxHeldMessages,
    read: async (after, count) => (await store.read('inbox', after, count)).map(readInboxRow),
    deliver: (row) =>
      dispatcher.deliver(
        row.instanceId,
        inboxEnvelope(row, () => inbox.done()),
      ),
    onError: (error) => log('error', `Messages could not be read: ${String(error)}`),
  });
  const cache = new InstanceCache(store, () => inbox.position);
  const deliver: Dispatcher['deliver'] = (instanceId, envelope) => dispatcher.deliver(instanceId, envelope);
  const { maxConcurrentActivities, maxConcurrentOrchestrators, defaultVersion = null } = options.settings;
  const activities = new ActivityRunner({ store, invoker, maxConcurrent: maxConcurrentActivities, now, log, deliver });
  const timers = new Timers({ store, now, log, deliver });
  const turn = new Turn({
    ...{ store, cache, invoker, inbox, activities: activities.queue, timers, now, log },
    version: defaultVersion,
  });
  const dispatcher = new Dispatcher({ cache, turn, maxConcurrent: maxConcurrentOrchestrators, log });
  const client = new OrchestrationClient({ store, cache, inbox, dispatcher, invoker, now, version: defaultVersion });
  const [lastMessage, lastActivity, systemKey] = await Promise.all([
    lastSequence(store, 'lastInbox'),
    lastSequence(store, 'lastActivity'),
    readSystemKey(store),
  ]);
  inbox.reserve(lastMessage);
  activities.queue.reserve(lastActivity);
  const address = { publicOrigin, hubName, systemKey };
  const routes = new DurableRoutes({ client, address, log });
  const port = options.hostPort + 10_000;
  const rpc = await startRpcServer(routes, port > maxPort ? 0 : port);
  return {
    clientBinding: () => clientBinding(address, rpc.baseUrl),
    handleWebhook: (request, response, path) => handleWebhook(routes, systemKey, request, response, path),
    start() {
      wakeCarrying(store, dispatcher).catch((error: unknown) =>
        log('error', `Orchestrations could not be read: ${String(error)}`),
      );
      inbox.start();
      activities.queue.start();
      timers.schedule(now());
    },
    async stop() {
      for (const part of [inbox, activities, timers, dispatcher]) part.stop();
      rpc.close(false);
      await store.close();
      // The last answers are on their way once the event loop has turned.
      await new Promise((resolve) => setImmediate(resolve));
      rpc.close(true);
    },
  };
}

async function lastSequence(store: HistoryStore, statement: 'lastInbox' | 'lastActivity'): Promise<number> {
  const [row] = await store.read(statement);
  return Number(row?.last ?? 0);
}

/** Orchestrations that continued as new and have not begun again. */
async function wakeCarrying(store: HistoryStore, dispatcher: Dispatcher): Promise<void> {
  let after = '';
  for (;;) {
    const rows = await store.read('carrying', after, wakePage);
    for (const { id } of rows) dispatcher.wake(String(id));
    const last = rows.at(-1);
    if (!last || rows.length < wakePage) return;
    after = String(last.id);
  }
}

/** The key of the webhook routes. It is kept, since callers hold addresses with it. */
async function readSystemKey(store: HistoryStore): Promise<string> {
  const [row] = await store.read('setting', 'systemKey');
  if (row) return String(row.value);
  const key = randomBytes(32).toString('base64url');
  await store.write([['setSetting', 'systemKey', key]]);
  return key;
}

function handleWebhook(
  routes: DurableRoutes,
  systemKey: string,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): boolean {
  const lower = path.toLowerCase();
  if (lower !== webhookPath && !lower.startsWith(`${webhookPath}/`)) return false;
  const query = new URLSearchParams((request.url ?? '').split('?', 2)[1]);
  const header = request.headers['x-functions-key'];
  const given = (typeof header === 'string' ? header : undefined) ?? query.get('code') ?? '';
  if (sameKey(given, systemKey)) void routes.handle(request, response, path.slice(webhookPath.length), query);
  else response.writeHead(401, { 'Content-Length': '0' }).end();
  return true;
}

/** Compares in constant time, whatever the lengths. */
function sameKey(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
