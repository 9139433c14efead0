/**
 * A session pool's management endpoint on loopback, API version 2025-10-02-preview: requests are checked against the published definition (Azure/azure-rest-api-specs,
 * specification/app/data-plane/DynamicSessions), and code runs in Python for real.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import { Busboy } from '@fastify/busboy';
import { z } from 'zod';

export const POOL_TOKEN = 'token-for-dynamic-sessions';
const VERSION = '2025-10-02-preview';
const IDENTIFIER = /^[a-zA-Z0-9_|}{[\]:";'<>?/.,@#$%^&*()\-+=!~`]{4,128}$/;
/** https://learn.microsoft.com/azure/container-apps/sessions-code-interpreter: supported characters. */
const FILE_NAME = /^[\p{L}\p{N}\-_ .@$&=;,#%^()]{1,255}$/u;
const MAX_UPLOAD_BYTES = 128 * 1024 * 1024;

const executionRequest = z.strictObject({
  codeInputType: z.enum(['Inline', 'InlineBase64', 'InlineText']),
  executionType: z.enum(['Synchronous', 'Asynchronous']),
  code: z.string(),
  timeoutInSeconds: z.int().min(1).max(220),
  outputStreamsMaxLength: z.int().min(1).optional(),
  useEmptyKernel: z.boolean().optional(),
  returnJupyterFormatExecutionResult: z.boolean().optional(),
});

const cellAnswer = z.object({
  stdout: z.string(),
  stderr: z.string(),
  executionResult: z.unknown(),
  failure: z.string().nullable(),
});

export interface PoolFault {
  /** Method and path that it waits for, such as `POST /executions`. */
  of: string;
  /** `hang` never answers, `break` ends the connection. */
  answer: { status: number; headers?: Record<string, string>; body?: unknown } | 'hang' | 'break';
  /** So many such requests come before it. */
  after?: number;
  /** The session ends with it. */
  endsSession?: boolean;
}

export interface SessionPool {
  /** The management endpoint. */
  url: string;
  /** Method, path and session of every request. */
  requests: { call: string; identifier: string; code?: string }[];
  faults: PoolFault[];
  /** Sessions that live. */
  identifiers(): string[];
  maxSessions: number;
  /** Executions are told to be running once, and asked for again. */
  answersLate: boolean;
  close(): Promise<void>;
}

class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export async function startSessionPool(): Promise<SessionPool> {
  const sessions = new Map<string, Kernel>();
  const late = new Map<string, object>();
  const base = '/subscriptions/s/resourceGroups/g/sessionPools/p';

  function sessionOf(identifier: string): Kernel {
    const known = sessions.get(identifier);
    if (known) return known;
    if (sessions.size >= pool.maxSessions) throw new Refused(429, 'No session can be allocated.');
    const kernel = new Kernel();
    sessions.set(identifier, kernel);
    return kernel;
  }

  async function end(identifier: string): Promise<boolean> {
    const kernel = sessions.get(identifier);
    sessions.delete(identifier);
    await kernel?.end();
    return kernel !== undefined;
  }

  async function execute(identifier: string, request: IncomingMessage): Promise<object> {
    const { code, timeoutInSeconds, outputStreamsMaxLength = 4096 } = checkedBody(await buffer(request));
    const entry = pool.requests.at(-1);
    if (entry) entry.code = code;
    const kernel = sessionOf(identifier);
    const id = `execution-${pool.requests.length}`;
    const told = { id, identifier, executionType: 'Synchronous' };
    const timer = setTimeout(() => void end(identifier), timeoutInSeconds * 1000);
    try {
      const cell = cellAnswer.parse(await kernel.ask({ action: 'run', code }));
      const cut = (text: string): string => text.slice(0, outputStreamsMaxLength);
      const result = {
        stdout: cut(cell.stdout),
        stderr: cut(cell.stderr),
        executionResult: cell.executionResult,
        executionTimeInMilliseconds: 1,
      };
      const answer = { ...told, status: cell.failure === null ? 'Succeeded' : 'Failed', result };
      if (!pool.answersLate) return answer;
      late.set(id, answer);
      return { ...told, status: 'Running' };
    } catch (error) {
      if (sessions.get(identifier) === kernel) throw error;
      return { ...told, status: 'Failed', error: { error: { code: 'Timeout', message: 'The execution timed out.' } } };
    } finally {
      clearTimeout(timer);
    }
  }

  async function upload(identifier: string, request: IncomingMessage): Promise<object> {
    const parts: { field: string; name: string; content: Promise<Buffer> }[] = [];
    const contentType = request.headers['content-type'] ?? '';
    if (!contentType.startsWith('multipart/form-data')) throw new Refused(415, 'A form is expected.');
    const form = new Busboy({ headers: { ...request.headers, 'content-type': contentType } });
    form.on('file', (field, stream, name) => parts.push({ field, name, content: buffer(stream) }));
    request.pipe(form);
    await new Promise((resolve, reject) => form.on('finish', resolve).on('error', reject));
    const [part] = parts;
    if (!part || parts.length > 1 || part.field !== 'file') throw new Refused(400, 'One part, file, is expected.');
    if (!FILE_NAME.test(part.name) || part.name.includes('..'))
      throw new Refused(400, `'${part.name}' is no file name.`);
    const content = await part.content;
    if (content.length > MAX_UPLOAD_BYTES) throw new Refused(413, 'The file is too large.');
    await sessionOf(identifier).ask({ action: 'put', path: `/mnt/data/${part.name}`, content });
    return {
      name: part.name,
      type: 'File',
      contentType: 'application/octet-stream',
      sizeInBytes: content.length,
      lastModifiedAt: new Date().toISOString(),
    };
  }

  async function download(identifier: string, name: string): Promise<Buffer> {
    if (!FILE_NAME.test(name)) throw new Refused(400, `'${name}' is no file name.`);
    const found = await sessionOf(identifier).ask({ action: 'get', path: `/mnt/data/${name}` });
    const { content } = z.object({ content: z.instanceof(Uint8Array).optional() }).parse(found);
    if (!content) throw new Refused(404, `The file '${name}' is not there.`);
    return Buffer.from(content);
  }

  async function answerTo(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://pool');
    const path = pathname.startsWith(base) ? pathname.slice(base.length) : '';
    const identifier = searchParams.get('identifier') ?? '';
    const call = `${request.method} ${path}`;
    pool.requests.push({ call, identifier });
    const fault = pool.faults.find(({ of }) => of === call);
    if (fault?.after) fault.after -= 1;
    else if (fault) {
      pool.faults.splice(pool.faults.indexOf(fault), 1);
      if (fault.endsSession) await end(identifier);
      if (fault.answer === 'hang') return;
      if (fault.answer === 'break') return void request.socket.destroy();
      request.resume();
      reply(response, fault.answer.status, fault.answer.body, fault.answer.headers);
      return;
    }
    if (request.headers.authorization !== `Bearer ${POOL_TOKEN}`) throw new Refused(401, 'The token is not valid.');
    for (const name of searchParams.keys()) {
      if (!['api-version', 'identifier'].includes(name)) throw new Refused(400, `Unknown parameter '${name}'.`);
    }
    if (searchParams.get('api-version') !== VERSION) throw new Refused(400, 'The api-version is missing or unknown.');
    if (!IDENTIFIER.test(identifier)) throw new Refused(400, 'The identifier is not valid.');
    const [, name] = /^GET \/files\/([^/]+)\/content$/.exec(call) ?? [];
    const [, execution] = /^GET \/executions\/([^/]+)$/.exec(call) ?? [];
    if (call === 'POST /executions') reply(response, 200, await execute(identifier, request));
    else if (execution !== undefined) reply(response, 200, late.get(execution));
    else if (call === 'POST /files') reply(response, 200, await upload(identifier, request));
    else if (name !== undefined) {
      const content = await download(identifier, decodeURIComponent(name));
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(content);
    } else if (call === 'DELETE /session') {
      if (!(await end(identifier))) throw new Refused(404, 'There is no such session.');
      response.writeHead(204).end();
    } else throw new Refused(404, 'No such operation.');
  }

  const server = createServer((request, response) => {
    answerTo(request, response).catch((error: unknown) => {
      request.resume();
      const status = error instanceof Refused ? error.status : 500;
      const message = error instanceof Error ? error.message : String(error);
      reply(response, status, { error: { code: 'Refused', message } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no address.');
  const pool: SessionPool = {
    url: `http://127.0.0.1:${address.port}${base}`,
    requests: [],
    faults: [],
    identifiers: () => [...sessions.keys()],
    maxSessions: 20,
    answersLate: false,
    async close() {
      await Promise.all([...sessions.keys()].map(end));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return pool;
}

function checkedBody(body: Buffer): z.output<typeof executionRequest> {
  const parsed = executionRequest.safeParse(JSON.parse(body.toString()));
  if (!parsed.success) throw new Refused(400, parsed.error.message);
  return parsed.data;
}

function reply(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body === undefined ? '' : JSON.stringify(body));
}

/** One session's Python. */
class Kernel {
  readonly #worker = new Worker(join(__dirname, 'sessionKernel.cjs'));
  readonly #waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  #last = 0;

  constructor() {
    const message = z.object({ id: z.number(), answer: z.unknown(), error: z.string().optional() });
    this.#worker.on('message', (value: unknown) => {
      const { id, answer, error } = message.parse(value);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(answer);
      else waiting?.reject(new Error(error));
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('The session has ended.')));
  }

  async ask(given: { action: string } & Record<string, unknown>): Promise<unknown> {
    const id = (this.#last += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...given });
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: unknown): void {
    const told = error instanceof Error ? error : new Error(String(error));
    for (const { reject } of this.#waiting.values()) reject(told);
    this.#waiting.clear();
  }
}
