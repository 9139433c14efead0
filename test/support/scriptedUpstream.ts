/**
 * An OpenAI-compatible server for tests and benchmarks, whose answers and faults are scripted. Also a program:
 * `node dist/test/support/scriptedUpstream.js --port 0 --latency 50 --style azure` prints its URL and serves until it is ended.
 */
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { UpstreamStyle } from './completionFrames';
import { completionBody, completionFrames } from './completionFrames';
import type { Reply, UpstreamBody } from './scriptedReplies';
import { defaultAnswer } from './scriptedReplies';
import { embeddingsBody } from './wordVectors';

export { reply, toolOutputs } from './scriptedReplies';
export type { Reply, UpstreamBody } from './scriptedReplies';
export { wordVector } from './wordVectors';

export type CallKind = 'chat' | 'embeddings' | 'other';

export interface RecordedRequest {
  kind: CallKind;
  method: string;
  /** Path with query. */
  path: string;
  headers: IncomingHttpHeaders;
  /** Empty for a form. */
  body: UpstreamBody;
  /** The body as it came. */
  raw: string;
}

/** Decides on a reply; undefined leaves it to the default. */
export type ReplyHandler = (
  body: UpstreamBody,
  request: RecordedRequest,
) => Reply | undefined | Promise<Reply | undefined>;

export interface ScriptedUpstreamOptions {
  /** `azure` streams as Azure does: a first chunk without choices that tells of the prompt's filters. Default `openai`. */
  style?: UpstreamStyle;
  /** Milliseconds before every answer. */
  latencyMs?: number;
  /** Replies to the first chat calls. */
  script?: (Reply | ReplyHandler)[];
  /** 0 for a free one. */
  port?: number;
}

export interface ScriptedUpstream {
  /** For OPENAI_BASE_URL. */
  url: string;
  /** For AZURE_OPENAI_ENDPOINT. */
  azureEndpoint: string;
  /** The last 1,000 requests, oldest first. */
  requests: RecordedRequest[];
  /** Calls since the start or the last reset. */
  calls: Record<CallKind, number>;
  /** Connections since the start. */
  connections: number;
  /** Answers that were written whole. */
  completed: number;
  /** Requests whose caller left before the answer was complete. */
  abandoned: number;
  /** Answers every call that no enqueued reply is for. */
  on(handler: ReplyHandler): void;
  /** Replies to the next chat calls, one each. */
  enqueue(...replies: (Reply | ReplyHandler)[]): void;
  /** Replies to the next embeddings calls, one each. */
  enqueueEmbeddings(...replies: (Reply | ReplyHandler)[]): void;
  /** Resolves when the condition holds; looked at whenever a request arrives or a connection of one ends. */
  until(condition: () => boolean): Promise<void>;
  /** Forgets requests, counts, handler and enqueued replies. */
  reset(): void;
  close(): Promise<void>;
}

/** Answers that the script broke off, not the caller. */
const cutByUs = new WeakSet<ServerResponse>();
const KEPT_REQUESTS = 1000;
const json = { 'content-type': 'application/json' };

/** Starts the server on 127.0.0.1. */
export async function startScriptedUpstream(options: ScriptedUpstreamOptions = {}): Promise<ScriptedUpstream> {
  const { style = 'openai', latencyMs = 0, script = [], port = 0 } = options;
  const queues: Record<CallKind, (Reply | ReplyHandler)[]> = { chat: [...script], embeddings: [], other: [] };
  let handler: ReplyHandler | undefined;
  let waiting: { condition: () => boolean; resolve: () => void }[] = [];
  const look = () => {
    const met = waiting.filter(({ condition }) => condition());
    waiting = waiting.filter((waiter) => !met.includes(waiter));
    for (const { resolve } of met) resolve();
  };

  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(message);
    upstream.calls[request.kind]++;
    upstream.requests.push(request);
    if (upstream.requests.length > KEPT_REQUESTS) upstream.requests.shift();
    response.once('close', () => {
      if (response.writableFinished) upstream.completed++;
      else if (!cutByUs.has(response)) upstream.abandoned++;
      look();
    });
    look();
    const scripted = queues[request.kind].shift() ?? handler;
    const chosen = typeof scripted === 'function' ? await scripted(request.body, request) : scripted;
    if (latencyMs) await delay(latencyMs);
    await answer(chosen ?? { kind: 'default' }, request, response, style);
  }

  const server = createServer((message, response) => {
    serve(message, response).catch((error: unknown) => {
      // A handler of the test that fails, or a caller that left while the answer was written.
      if (response.destroyed) return;
      response.writeHead(500, json).end(JSON.stringify({ error: { message: String(error), type: 'scripted' } }));
    });
  });
  server.on('connection', () => upstream.connections++);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  const azureEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const noCalls = () => ({ chat: 0, embeddings: 0, other: 0 });
  const upstream: ScriptedUpstream = {
    url: `${azureEndpoint}/v1`,
    azureEndpoint,
    requests: [],
    calls: noCalls(),
    connections: 0,
    completed: 0,
    abandoned: 0,
    on: (given) => {
      handler = given;
    },
    enqueue: (...replies) => void queues.chat.push(...replies),
    enqueueEmbeddings: (...replies) => void queues.embeddings.push(...replies),
    until: async (condition) => {
      if (condition()) return;
      await new Promise<void>((resolve) => waiting.push({ condition, resolve }));
    },
    reset: () => {
      handler = undefined;
      queues.chat.length = queues.embeddings.length = upstream.requests.length = 0;
      upstream.calls = noCalls();
      upstream.completed = upstream.abandoned = 0;
    },
    close: () => closeServer(server),
  };
  return upstream;
}

async function readRequest(message: IncomingMessage): Promise<RecordedRequest> {
  const pieces: Buffer[] = [];
  for await (const piece of message as AsyncIterable<Buffer>) pieces.push(piece);
  const { method = '', url: path = '', headers } = message;
  const raw = Buffer.concat(pieces).toString('utf8');
  const isForm = headers['content-type']?.startsWith('multipart/');
  const body = raw && !isForm ? (JSON.parse(raw) as UpstreamBody) : {};
  return { kind: kindOf(method, path), method, path, headers, body, raw };
}

function kindOf(method: string, path: string): CallKind {
  const operation = /^(?:\/v1|\/openai\/v1|\/openai\/deployments\/[^/]+)\/(chat\/completions|embeddings)(?:\?|$)/.exec(
    path,
  )?.[1];
  if (method !== 'POST' || !operation) return 'other';
  return operation === 'embeddings' ? 'embeddings' : 'chat';
}

async function answer(chosen: Reply, request: RecordedRequest, response: ServerResponse, style: UpstreamStyle) {
  switch (chosen.kind) {
    case 'hang':
      return;
    case 'disconnect':
      cutByUs.add(response);
      return void response.destroy();
    case 'wire':
      cutByUs.add(response);
      return void response.socket?.end(chosen.bytes, 'latin1');
    case 'slow':
      await delay(chosen.ms);
      return answer(chosen.then, request, response, style);
    case 'interrupted': {
      const { headers, pieces } = render(chosen.of, request, style);
      const begun =
        pieces.length > 1 ? pieces.slice(0, chosen.events) : pieces.map((one) => one.slice(0, one.length / 2));
      return interrupt(response, headers, begun, chosen.by);
    }
    case 'raw':
      response.writeHead(chosen.status, chosen.headers);
      return writePieces(response, chosen.pieces, chosen.delayMs);
    default: {
      const { status, headers, pieces } = render(chosen, request, style);
      response.writeHead(status, headers);
      const delayMs = chosen.kind === 'answer' ? (chosen.delayMs ?? 0) : 0;
      // One write is what makes the upstream cheap enough for benchmarks.
      return delayMs ? writePieces(response, pieces, delayMs) : void response.end(pieces.join(''));
    }
  }
}

/** The pieces that an answer is written in: a stream's events, or the one body. */
function render(chosen: Reply, request: RecordedRequest, style: UpstreamStyle) {
  const { kind, body } = request;
  if (chosen.kind !== 'answer' && chosen.kind !== 'default')
    throw new Error(`No reply can be made of '${chosen.kind}' here.`);
  if (kind === 'other') {
    const error = {
      message: `Invalid URL (${request.method} ${request.path})`,
      type: 'invalid_request_error',
      param: null,
      code: null,
    };
    return { status: 404, headers: json, pieces: [JSON.stringify({ error })] };
  }
  if (kind === 'embeddings') return { status: 200, headers: json, pieces: [embeddingsBody(body)] };
  const completion = chosen.kind === 'answer' ? chosen : defaultAnswer(body);
  if (!body.stream) return { status: 200, headers: json, pieces: [completionBody(completion, body, style)] };
  const headers = { 'content-type': 'text/event-stream; charset=utf-8' };
  return { status: 200, headers, pieces: completionFrames(completion, body, style) };
}

/** Writes no faster than the caller reads, and stops where it leaves. */
async function writePieces(
  response: ServerResponse,
  pieces: Iterable<string | Uint8Array>,
  delayMs: number,
): Promise<void> {
  for (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) await writable(response);
    if (delayMs) await delay(delayMs);
  }
  response.end();
}

/** Resolves when the response takes more, or is closed. */
async function writable(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}

async function interrupt(
  response: ServerResponse,
  headers: Record<string, string>,
  begun: string[],
  by: 'cut' | 'silence',
) {
  response.writeHead(200, headers);
  response.flushHeaders();
  // The callback comes when the bytes have left, so that a cut does not overtake them.
  await new Promise<void>((resolve) => response.write(begun.join('') || '\n', () => resolve()));
  if (by === 'silence') return;
  cutByUs.add(response);
  response.destroy();
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      latency: { type: 'string', default: '0' },
      style: { type: 'string', default: 'openai' },
    },
  });
  const { port, latency, style } = values;
  if (style !== 'openai' && style !== 'azure') throw new Error(`--style: 'openai' or 'azure', not '${style}'.`);
  const upstream = await startScriptedUpstream({ port: Number(port), latencyMs: Number(latency), style });
  console.log(style === 'azure' ? upstream.azureEndpoint : upstream.url);
}

if (require.main === module) void main();
