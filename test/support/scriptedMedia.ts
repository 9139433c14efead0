/** A model service for audio, images, moderations, completions, models and realtime sessions, in both styles; records what it was sent. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface MediaRequest {
  method: string;
  /** Path below the base or the deployment, without query. */
  operation: string;
  /** Of the path, where it has one. */
  deployment: string | undefined;
  /** Path with query. */
  path: string;
  headers: IncomingHttpHeaders;
  /** The first megabyte. */
  body: Buffer;
  /** Of all of it. */
  length: number;
  sha256: string;
}

export interface MediaReply {
  status?: number;
  headers?: Record<string, string>;
  /** Written one by one, no faster than they are read. */
  body: string | Buffer | Iterable<string | Buffer> | AsyncIterable<string | Buffer>;
  /** Breaks the connection behind the body instead of ending it. */
  cut?: boolean;
}

export type MediaHandler = (request: MediaRequest) => MediaReply | undefined | Promise<MediaReply | undefined>;

export interface ScriptedMedia {
  /** For OPENAI_BASE_URL. */
  url: string;
  /** For AZURE_OPENAI_ENDPOINT. */
  azureEndpoint: string;
  requests: MediaRequest[];
  /** Requests whose caller left before the answer was complete. */
  abandoned: number;
  /** Answers instead of the defaults; undefined leaves a request to them. */
  on(handler: MediaHandler | undefined): void;
  /** Forgets requests, counts and handler. */
  reset(): void;
  close(): Promise<void>;
}

export const SPEECH = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 251));
export const EPHEMERAL = { value: 'ek_0123456789', expires_at: 1_900_000_000 };
const KEPT_BYTES = 1024 * 1024;
const JSON_TYPE = { 'content-type': 'application/json' };

/** Starts the server on 127.0.0.1. */
export async function startScriptedMedia(): Promise<ScriptedMedia> {
  let handler: MediaHandler | undefined;
  const server = createServer((message, response) => {
    response.once('close', () => {
      if (!response.writableFinished && !response.errored) media.abandoned += 1;
    });
    serve(message, response).catch(() => response.destroy());
  });
  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await read(message);
    media.requests.push(request);
    await write(response, (await handler?.(request)) ?? byDefault(request));
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const azureEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const media: ScriptedMedia = {
    url: `${azureEndpoint}/v1`,
    azureEndpoint,
    requests: [],
    abandoned: 0,
    on: (given) => {
      handler = given;
    },
    reset: () => {
      handler = undefined;
      media.requests.length = media.abandoned = 0;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return media;
}

async function read(message: IncomingMessage): Promise<MediaRequest> {
  const pieces: Buffer[] = [];
  const hash = createHash('sha256');
  let length = 0;
  for await (const piece of message as AsyncIterable<Buffer>) {
    hash.update(piece);
    if (length < KEPT_BYTES) pieces.push(piece);
    length += piece.length;
  }
  const { method = '', url: path = '', headers } = message;
  const [, deployment, operation = ''] =
    /^\/(?:openai\/deployments\/([^/]+)|openai\/v1|openai|v1)\/([^?]*)/.exec(path) ?? [];
  return {
    method,
    path,
    operation,
    deployment,
    headers,
    body: Buffer.concat(pieces),
    length,
    sha256: hash.digest('hex'),
  };
}

async function write(
  response: ServerResponse,
  { status = 200, headers = JSON_TYPE, body, cut }: MediaReply,
): Promise<void> {
  response.writeHead(status, headers);
  if (cut) response.flushHeaders();
  const pieces = typeof body === 'string' || Buffer.isBuffer(body) ? [body] : body;
  for await (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) await drained(response);
  }
  if (!cut) return void response.end();
  // The callback comes when the bytes have left, so that the cut does not overtake them.
  await new Promise<void>((resolve) => response.write('', () => resolve()));
  setImmediate(() => response.destroy(new Error('cut')));
}

/** Until it takes more, or is closed. */
async function drained(response: ServerResponse): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  } finally {
    settled.abort();
  }
}

const json = (value: unknown): MediaReply => ({ body: JSON.stringify(value) });
const text = (value: string): MediaReply => ({ headers: { 'content-type': 'text/plain' }, body: value });
const safe = { filtered: false, severity: 'safe' };
const image = { b64_json: Buffer.from('picture').toString('base64'), revised_prompt: 'A picture.' };
const usage = { prompt_tokens: 6, completion_tokens: 20, total_tokens: 26 };

/** The text field of a form. .NET puts no quotes around its name, and a type below it. */
export const formField = (request: MediaRequest, name: string): string | undefined =>
  new RegExp(`name=("?)${name.replace(/[[\]]/g, '\\$&')}\\1\r\n(?:[^\r]+\r\n)*\r\n([^\r]*)\r\n`).exec(
    request.body.toString('latin1'),
  )?.[2];

function byDefault(request: MediaRequest): MediaReply {
  const { operation } = request;
  if (operation === 'models') return json({ object: 'list', data: ['gpt-4o', 'whisper-1'].map(model) });
  if (operation.startsWith('models/')) return json(model(decodeURIComponent(operation.slice('models/'.length))));
  if (/^audio\/trans/.test(operation)) {
    const format = formField(request, 'response_format') ?? 'json';
    return /^(text|srt|vtt)$/.test(format) ? text('Plain words.') : json({ text: 'Plain words.' });
  }
  const answers: Record<string, () => MediaReply> = {
    'audio/speech': () => ({
      headers: { 'content-type': 'audio/mpeg' },
      body: [SPEECH.subarray(0, 100_000), SPEECH.subarray(100_000)],
    }),
    'images/generations': () =>
      json({ created: 1_698_342_300, data: [{ ...image, content_filter_results: { hate: safe } }] }),
    'images/edits': () => json({ created: 1_698_342_300, data: [image] }),
    'images/variations': () => json({ created: 1_698_342_300, data: [image] }),
    moderations: () =>
      json({
        id: 'modr-1',
        model: 'omni-moderation-latest',
        results: [{ flagged: false, categories: {}, category_scores: {} }],
      }),
    completions: () => completionOf(request),
    'realtime/sessions': () =>
      json({ id: 'sess_1', object: 'realtime.session', ...bodyOf(request), client_secret: EPHEMERAL }),
    'realtimeapi/sessions': () =>
      json({ id: 'sess_1', object: 'realtime.session', ...bodyOf(request), client_secret: EPHEMERAL }),
    'realtime/transcription_sessions': () => json({ ...bodyOf(request), client_secret: EPHEMERAL }),
    'realtimeapi/transcription_sessions': () => json({ ...bodyOf(request), client_secret: EPHEMERAL }),
    'realtime/client_secrets': () => json({ ...EPHEMERAL, session: bodyOf(request).session }),
  };
  return (
    answers[operation]?.() ?? {
      status: 404,
      body: JSON.stringify({ error: { message: `Nothing at ${request.path}`, code: null } }),
    }
  );
}

const model = (id: string) => ({ id, object: 'model', created: 1_686_935_002, owned_by: 'openai' });

export const bodyOf = ({ body }: MediaRequest): Record<string, unknown> => JSON.parse(body.toString('utf8'));

function completionOf(request: MediaRequest): MediaReply {
  const body = bodyOf(request);
  const whole = { id: 'cmpl-1', object: 'text_completion', created: 1_686_617_332, model: body.model ?? 'scripted' };
  const choice = (text: string, finish_reason: string | null) => ({ text, index: 0, finish_reason, logprobs: null });
  if (!body.stream) return json({ ...whole, choices: [choice('The head mango.', 'stop')], usage });
  const frames = [{ choices: [choice('The head', null)] }, { choices: [choice(' mango.', 'stop')] }].map(
    (fields) => `data: ${JSON.stringify({ ...whole, ...fields })}\n\n`,
  );
  return { headers: { 'content-type': 'text/event-stream' }, body: [...frames, 'data: [DONE]\n\n'] };
}
