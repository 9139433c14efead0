/**
 * Calls of a session pool's management endpoint, API version 2025-10-02-preview (Azure/azure-rest-api-specs, specification/app/data-plane/DynamicSessions): executions, files
 * and the end of a session.
 */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, request as send, type Dispatcher } from 'undici';
import { z } from 'zod';
import { SandboxUnavailableError } from '../../tools/ports';
import { readText } from '../answerBody';

const API_VERSION = '2025-10-02-preview';
const MAX_ATTEMPTS = 5;
const MAX_WAIT_MS = 20_000;
/** Largest answer that is no file: an image comes as text in it. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** What an execution may print, in characters; the service's default is 4096. */
const MAX_OUTPUT_CHARACTERS = 100_000;
/** Until the service has answered, beyond what the code itself may take. */
const ANSWER_MS = 30_000;
const POLL_MS = 500;

/** An answer other than success. */
export class PoolError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'PoolError';
  }
}

/** The service gave no answer in time. */
export class PoolTimeoutError extends Error {
  constructor() {
    super('The session pool did not answer in time.');
    this.name = 'PoolTimeoutError';
  }
}

const errorShape = z.object({ error: z.object({ message: z.string() }) });

const execution = z.object({
  id: z.string(),
  status: z.string(),
  result: z
    .object({ stdout: z.string().nullish(), stderr: z.string().nullish(), executionResult: z.unknown().optional() })
    .nullish(),
  error: z.unknown().optional(),
});

/** What code has left. */
export interface Execution {
  stdout: string;
  stderr: string;
  /** Value of the last expression as a notebook shows it; an object for an image. */
  value: unknown;
  /** Why it failed, where the service says so. */
  failure?: string;
}

export interface PoolClient {
  /**
   * Runs code in the session, which begins with its first call. `isRepeatable`: it may run twice. Throws {@link PoolTimeoutError}, {@link PoolError} where the service failed
   * while the code ran, and {@link SandboxUnavailableError} where it did not run.
   */
  execute(
    session: string,
    code: string,
    options: { seconds: number; isRepeatable: boolean; signal?: AbortSignal },
  ): Promise<Execution>;
  /** Puts a file into the data folder; `open` is called again when it is sent again. */
  upload(session: string, name: string, open: () => Promise<Readable>, signal?: AbortSignal): Promise<void>;
  /** The content of a file of the data folder, which must be read or destroyed. */
  download(session: string, name: string): Promise<Readable>;
  /** Ends the session and what runs in it; does nothing if there is none. */
  end(session: string): Promise<void>;
  close(): Promise<void>;
}

interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  session: string;
  body?: () => Promise<{ type: string; content: string | Readable }>;
  /** Answers after which it is sent again. */
  repeatsAfter: (status: number) => boolean;
  milliseconds: number;
  signal?: AbortSignal;
}

/** It was not taken; whether it was begun does not matter. */
const passing = (status: number): boolean => status === 408 || status === 429 || status >= 500;
/** It was not begun. */
const turnedAway = (status: number): boolean => status === 429 || status === 503;

/** @param token Gives a token for `https://dynamicsessions.io`. */
export function poolClient(endpoint: string, token: () => Promise<string>): PoolClient {
  // Whoever calls bounds the time.
  const agent = new Agent({ headersTimeout: 0, bodyTimeout: ANSWER_MS });

  async function sendOnce(call: Call): Promise<Dispatcher.ResponseData> {
    const query = new URLSearchParams({ 'api-version': API_VERSION, identifier: call.session });
    const bearer = await token().catch((cause: unknown) => {
      throw new SandboxUnavailableError(
        'The code interpreter cannot be reached: the identity of this app gave no token for the session pool.',
        { cause },
      );
    });
    const body = await call.body?.();
    const late = AbortSignal.timeout(call.milliseconds);
    const stop = call.signal ? AbortSignal.any([call.signal, late]) : late;
    try {
      return await send(`${endpoint}${call.path}?${query.toString()}`, {
        method: call.method,
        dispatcher: agent,
        headers: {
          authorization: `Bearer ${bearer}`,
          accept: 'application/json, application/octet-stream',
          ...(body && { 'content-type': body.type }),
        },
        body: body?.content,
        signal: stop,
      });
    } catch (error) {
      call.signal?.throwIfAborted();
      if (late.aborted) throw new PoolTimeoutError();
      throw error;
    }
  }

  async function answerOf(call: Call): Promise<Dispatcher.ResponseData> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await attemptOf(call, attempt);
      if (answer && answer.statusCode < 300) return answer;
      const text = answer ? await textOf(answer) : '';
      if (answer && !(call.repeatsAfter(answer.statusCode) && attempt < MAX_ATTEMPTS)) {
        throw refusal(answer.statusCode, text);
      }
      const asked = Number(answer?.headers['retry-after']) * 1000;
      const pause = Number.isFinite(asked) ? asked : 250 * 2 ** attempt * (0.5 + Math.random() / 2);
      await wait(Math.min(pause, MAX_WAIT_MS), undefined, { signal: call.signal }).catch(() => undefined);
      call.signal?.throwIfAborted();
    }
  }

  /** Undefined where the connection failed and the call may be sent again. */
  async function attemptOf(call: Call, attempt: number): Promise<Dispatcher.ResponseData | undefined> {
    try {
      return await sendOnce(call);
    } catch (error) {
      call.signal?.throwIfAborted();
      if (error instanceof PoolTimeoutError || error instanceof SandboxUnavailableError) throw error;
      // A connection that was never made has sent nothing.
      const isRepeatable = call.repeatsAfter(500) || wasRefused(error);
      if (!isRepeatable) throw new PoolError(502, 'the connection broke');
      if (attempt < MAX_ATTEMPTS) return undefined;
      throw new SandboxUnavailableError('The code interpreter cannot be reached.', { cause: error });
    }
  }

  const json = (value: unknown) => () => Promise.resolve({ type: 'application/json', content: JSON.stringify(value) });

  return {
    async execute(session, code, { seconds, isRepeatable, signal }) {
      const repeatsAfter = isRepeatable ? passing : turnedAway;
      const milliseconds = seconds * 1000 + ANSWER_MS;
      const last = Date.now() + milliseconds;
      const request = {
        codeInputType: 'Inline',
        executionType: 'Synchronous',
        code,
        timeoutInSeconds: seconds,
        outputStreamsMaxLength: MAX_OUTPUT_CHARACTERS,
        returnJupyterFormatExecutionResult: true,
      };
      const body = json(request);
      let call: Call = { method: 'POST', path: '/executions', session, body, repeatsAfter, milliseconds, signal };
      for (;;) {
        const state = executionIn(await textOf(await answerOf(call)));
        if (!/^(NotStarted|Running)$/i.test(state.status)) return executionOf(state);
        if (Date.now() > last) throw new PoolTimeoutError();
        await wait(POLL_MS);
        signal?.throwIfAborted();
        const path = `/executions/${encodeURIComponent(state.id)}`;
        call = { method: 'GET', path, session, repeatsAfter: passing, milliseconds: ANSWER_MS, signal };
      }
    },

    async upload(session, name, open, signal) {
      const body = async () => {
        const boundary = randomBytes(16).toString('hex');
        return {
          type: `multipart/form-data; boundary=${boundary}`,
          content: Readable.from(formOf(boundary, name, await open())),
        };
      };
      const milliseconds = 10 * ANSWER_MS;
      const call = { path: '/files', session, body, repeatsAfter: passing, milliseconds, signal };
      await textOf(await answerOf({ ...call, method: 'POST' }));
    },

    async download(session, name) {
      const path = `/files/${encodeURIComponent(name)}/content`;
      const milliseconds = 10 * ANSWER_MS;
      return (await answerOf({ method: 'GET', path, session, repeatsAfter: passing, milliseconds })).body;
    },

    async end(session) {
      try {
        const call = { path: '/session', session, repeatsAfter: passing, milliseconds: ANSWER_MS };
        await textOf(await answerOf({ ...call, method: 'DELETE' }));
      } catch (error) {
        if (!(error instanceof SandboxUnavailableError && error.cause instanceof PoolError)) throw error;
        if (error.cause.status !== 404) throw error;
      }
    },

    close: async () => agent.destroy(),
  };
}

const wasRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ENOTFOUND');

function executionIn(text: string): z.output<typeof execution> {
  try {
    return execution.parse(JSON.parse(text));
  } catch {
    throw new PoolError(502, 'the answer is not understood');
  }
}

function executionOf({ status, result, error }: z.output<typeof execution>): Execution {
  const told = z.union([errorShape, z.object({ message: z.string() }).transform((inner) => ({ error: inner }))]);
  const failure = told.safeParse(error);
  return {
    stdout: result?.stdout ?? '',
    stderr: result?.stderr ?? '',
    value: result?.executionResult,
    ...(/^Succeeded$/i.test(status) ? {} : { failure: failure.data?.error.message ?? `execution ${status}` }),
  };
}

/** What a refused call means to whoever runs code. */
function refusal(status: number, text: string): Error {
  let told = '';
  try {
    told = errorShape.parse(JSON.parse(text)).error.message;
  } catch {
    told = text.slice(0, 200);
  }
  const cause = new PoolError(status, `${status} ${told}`.trim());
  if (status === 401 || status === 403) {
    return new SandboxUnavailableError(
      'The code interpreter cannot be used: the session pool refuses the identity of this app, which needs the role Azure ContainerApps Session Executor on it.',
      { cause },
    );
  }
  if (status === 429) {
    return new SandboxUnavailableError(
      'All sessions of the code interpreter are in use. Try again later, or let the session pool have more.',
      { cause },
    );
  }
  if (status === 404) return new SandboxUnavailableError('The session pool is not there.', { cause });
  if (status === 413) {
    return new SandboxUnavailableError('A file is larger than the session pool takes.', { cause });
  }
  if (status === 503 || status < 500) {
    return new SandboxUnavailableError(`The session pool refused the call: ${cause.message}.`, { cause });
  }
  return cause;
}

async function textOf({ body }: Dispatcher.ResponseData): Promise<string> {
  const { text, complete } = await readText(body, MAX_ANSWER_BYTES);
  if (!complete) throw new PoolError(502, 'the answer is too long');
  return text;
}

async function* formOf(boundary: string, name: string, content: Readable): AsyncGenerator<Buffer> {
  yield Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: application/octet-stream\r\n\r\n`,
  );
  for await (const piece of content) yield Buffer.from(piece);
  yield Buffer.from(`\r\n--${boundary}--\r\n`);
}
