/** The HTTP interface of durable orchestrations: the same on the host's webhook path and for the durable client inside the functions. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Status, type StatusName } from './historyStatements';
import { isFinished, type InstanceRecord } from './instance';
import { historyForClients, statusBody } from './instanceStatus';
import { instanceUrls, type ManagementAddress } from './managementUrls';
import {
  ActiveInstanceError,
  ClientError,
  type Delivery,
  type InstanceFilter,
  type OrchestrationClient,
} from './orchestrationClient';
import { BodyError, readBody } from './requestBody';

export interface RoutesOptions {
  client: OrchestrationClient;
  address: ManagementAddress;
  log(level: 'info' | 'warn' | 'error', message: string): void;
}

interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
}

const defaultPage = 100;
const maxPage = 1_000;
const tokenHeader = 'x-ms-continuation-token';
const notThere = 'The local host does not support';

/** A request that is answered with this status and message. */
class RouteError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export class DurableRoutes {
  constructor(private readonly options: RoutesOptions) {}

  /** Answers a request; `path` is what follows the base, without query. Never rejects. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    const call: Call = { request, response, query };
    try {
      const hub = query.get('taskHub');
      if (hub && hub.toLowerCase() !== this.options.address.hubName.toLowerCase()) {
        throw new RouteError(400, `There is no task hub '${hub}' here.`);
      }
      await this.route(call, readSegments(path));
    } catch (error) {
      this.answerError(response, error);
    }
  }

  private async route(call: Call, [collection, first, second, third, ...more]: string[]): Promise<void> {
    const method = call.request.method ?? 'GET';
    const kind = collection?.toLowerCase();
    if (kind === 'entities') throw new RouteError(501, `${notThere} durable entities.`);
    if (more.length > 0) throw new RouteError(404, '');
    if (kind === 'orchestrators' && first && method === 'POST' && !third) return this.start(call, first, second);
    if (kind !== 'instances' || third === '') throw new RouteError(404, '');
    if (!first) return this.collection(call, method);
    if (!second && method === 'GET') return this.status(call, first);
    if (!second && method === 'DELETE') return this.purged(call, (await this.options.client.purge(first)) ? 1 : 0);
    if (second && method === 'POST') return this.command(call, first, second.toLowerCase(), third);
    throw new RouteError(404, '');
  }

  private async collection(call: Call, method: string): Promise<void> {
    if (method === 'GET') return this.list(call);
    if (method !== 'DELETE') throw new RouteError(404, '');
    const filter = readFilter(call.query);
    if (filter.createdFrom === undefined)
      throw new RouteError(400, "Please provide value for 'createdTimeFrom' parameter.");
    this.purged(call, await this.options.client.purgeAll(filter));
  }

  private purged({ response }: Call, count: number): void {
    if (count === 0) throw new RouteError(404, '');
    answerJson(response, 200, { instancesDeleted: count });
  }

  private async start(call: Call, name: string, instanceId: string | undefined): Promise<void> {
    const body = await readBody(call.request);
    const input = body === '' ? null : readJson(body);
    const id = await this.options.client.start({ name, instanceId, input, version: call.query.get('version') });
    const timeout = readNumber(call.query, 'timeout');
    if (timeout !== undefined) await this.wait(call, id, timeout);
    else this.started(call, id);
  }

  private started({ response }: Call, id: string): void {
    const urls = instanceUrls(this.options.address, encodeURIComponent(id));
    response.setHeader('Location', urls.statusQueryGetUri ?? '');
    response.setHeader('Retry-After', '10');
    answerJson(response, 202, { id, ...urls });
  }

  /** Answers when the instance has ended, or as for any start when `seconds` have passed. */
  private async wait(call: Call, id: string, seconds: number): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    const interval = Math.max(readNumber(call.query, 'pollingInterval') ?? 1, 0.01) * 1000;
    while (!call.response.destroyed) {
      const record = await this.options.client.get(id);
      if (record?.status === 'Completed') return answerText(call.response, 200, record.output ?? 'null');
      if (record && isFinished(record.status)) {
        return answerJson(call.response, record.status === 'Failed' ? 500 : 200, statusBody(record, true));
      }
      const left = deadline - Date.now();
      if (left <= 0) return this.started(call, id);
      await delay(Math.min(left, interval));
    }
  }

  private async status({ response, query }: Call, id: string): Promise<void> {
    const record = await this.options.client.get(id);
    if (!record) throw new RouteError(404, '');
    const history = isSet(query, 'showHistory')
      ? historyForClients(await this.options.client.history(record), isSet(query, 'showHistoryOutput'))
      : undefined;
    if (!isFinished(record.status)) {
      response.setHeader(
        'Location',
        instanceUrls(this.options.address, encodeURIComponent(id)).statusQueryGetUri ?? '',
      );
      response.setHeader('Retry-After', '5');
    }
    const failed = record.status === 'Failed' && isSet(query, 'returnInternalServerErrorOnFailure');
    const status = failed ? 500 : isFinished(record.status) ? 200 : 202;
    answerJson(response, status, statusBody(record, isSet(query, 'showInput', true), history));
  }

  private async list({ request, response, query }: Call): Promise<void> {
    const top = Math.min(Math.max(readNumber(query, 'top') ?? defaultPage, 1), maxPage);
    const token = request.headers[tokenHeader];
    const after = typeof token === 'string' ? Buffer.from(token, 'base64url').toString() : '';
    const records = await this.options.client.list(readFilter(query), after, top + 1);
    const page: InstanceRecord[] = records.slice(0, top);
    const last = page.at(-1);
    if (records.length > top && last) response.setHeader(tokenHeader, Buffer.from(last.id).toString('base64url'));
    const showInput = isSet(query, 'showInput', true);
    answerJson(
      response,
      200,
      page.map((record) => statusBody(record, showInput)),
    );
  }

  private async command(call: Call, id: string, command: string, eventName: string | undefined): Promise<void> {
    const { client } = this.options;
    if (command === 'raiseevent' && eventName) return this.raiseEvent(call, id, eventName);
    if (eventName !== undefined) throw new RouteError(404, '');
    if (command === 'terminate' || command === 'suspend' || command === 'resume') {
      return answerDelivery(call.response, await client.control(id, command, call.query.get('reason') ?? ''));
    }
    if (command === 'rewind') throw new RouteError(501, `${notThere} rewind.`);
    if (command !== 'restart') throw new RouteError(404, '');
    const restarted = await client.restart(id, isSet(call.query, 'restartWithNewInstanceId', true));
    if (restarted === undefined) throw new RouteError(400, `No instance with ID '${id}' found.`);
    this.started(call, restarted);
  }

  private async raiseEvent(call: Call, id: string, name: string): Promise<void> {
    const { client } = this.options;
    const body = await readBody(call.request);
    const isJsonType = /^application\/json\s*(;|$)/i.test(call.request.headers['content-type'] ?? '');
    if (isJsonType && isJson(body)) return answerDelivery(call.response, await client.raiseEvent(id, name, body));
    const state = await client.state(id);
    if (state === 'active') {
      const needed = isJsonType ? 'a body of valid JSON' : 'the content type application/json';
      throw new RouteError(400, `An event needs ${needed}.`);
    }
    answerDelivery(call.response, state);
  }

  private answerError(response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) return void response.destroy();
    if (error instanceof RouteError && error.status === 501)
      return answerText(response, 501, error.message, 'text/plain');
    if (error instanceof RouteError) return answerProblem(response, error.status, error.message);
    if (error instanceof BodyError) return answerProblem(response, error.status, error.message);
    if (error instanceof ClientError) return answerProblem(response, 400, error.message);
    if (!(error instanceof ActiveInstanceError)) this.options.log('error', `Durable request failed: ${String(error)}`);
    answerProblem(response, 500, error instanceof Error ? error.message : String(error));
  }
}

function readSegments(path: string): string[] {
  try {
    return path.replace(/^\//, '').split('/').map(decodeURIComponent);
  } catch {
    throw new RouteError(400, 'The path is not validly encoded.');
  }
}

function readFilter(query: URLSearchParams): InstanceFilter {
  return {
    createdFrom: readTime(query, 'createdTimeFrom'),
    createdTo: readTime(query, 'createdTimeTo'),
    statuses: readStatuses(query.get('runtimeStatus')),
    idPrefix: query.get('instanceIdPrefix') ?? undefined,
  };
}

function readTime(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (!text) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new RouteError(400, `'${name}' is not a time: '${text}'.`);
  return at;
}

function readStatuses(text: string | null): StatusName[] | undefined {
  if (!text) return undefined;
  return text.split(',').map((given) => {
    const name = Object.keys(Status).find((known) => known.toLowerCase() === given.trim().toLowerCase());
    if (!name) throw new RouteError(400, `There is no runtime status '${given}'.`);
    return name as StatusName;
  });
}

function readNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (!text) return undefined;
  const number = Number(text);
  if (!Number.isFinite(number) || number < 0) throw new RouteError(400, `'${name}' is not a number: '${text}'.`);
  return number;
}

function isSet(query: URLSearchParams, name: string, otherwise = false): boolean {
  const text = query.get(name);
  return text === null ? otherwise : text.toLowerCase() === 'true';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function readJson(text: string): string {
  if (!isJson(text)) throw new RouteError(400, 'The body is not valid JSON.');
  return text;
}

function answerDelivery(response: ServerResponse, delivery: Delivery): void {
  response.writeHead({ accepted: 202, unknown: 404, finished: 410 }[delivery], { 'Content-Length': '0' }).end();
}

function answerProblem(response: ServerResponse, status: number, message: string): void {
  if (message === '') response.writeHead(status, { 'Content-Length': '0' }).end();
  else answerJson(response, status, { Message: message });
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  answerText(response, status, JSON.stringify(body));
}

function answerText(response: ServerResponse, status: number, text: string, type = 'application/json'): void {
  const body = Buffer.from(text);
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8`, 'Content-Length': body.length }).end(body);
}
