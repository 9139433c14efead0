/** The port to model services, and how a call to one can fail. */
import type { Readable } from 'node:stream';
import type { ModelBackend } from '../modelBackends';
import { ModelError } from './ports';
import type { RetryHint } from './retry';

export interface UpstreamCall {
  backend: ModelBackend;
  operation: string;
  method: 'POST' | 'GET' | 'DELETE';
  /** Of the address, behind the operation. */
  query?: URLSearchParams;
  /** The backend's name of the model. */
  model: string;
  /** Without credentials, which the adapter adds. */
  headers: Record<string, string>;
  /** Pieces are asked for only once the connection stands. */
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
}

/** Any answer, whatever its status. */
export interface UpstreamAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Must be read or destroyed. */
  body: Readable;
}

export interface Upstream {
  /** Whether the service reads the model from the body and not from the path. */
  modelInBody(backend: ModelBackend, operation: string): boolean;
  /** One call, never repeated. Throws {@link UpstreamError}, or the signal's reason as soon as it is aborted. */
  send(call: UpstreamCall): Promise<UpstreamAnswer>;
}

/** A failure of a model service. `retry` is absent where the same call would fail again. */
export class UpstreamError extends ModelError {
  /** Of the answer that a caller gets for it. */
  readonly status: 502 | 503 | 504;
  /** false: no byte of the call reached the service. */
  readonly reached: boolean;
  constructor(
    kind: ModelError['kind'],
    message: string,
    readonly retry: RetryHint | undefined,
    options: {
      cause?: unknown;
      retryAfterSeconds?: number;
      code?: string;
      param?: string;
      status?: 502 | 503 | 504;
      reached?: boolean;
    } = {},
  ) {
    super(kind, message, options);
    this.status = options.status ?? 502;
    this.reached = options.reached ?? true;
  }
}
