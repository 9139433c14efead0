/** The port of telemetry: what is told of each call that goes to a model service. */
import type { Readable } from 'node:stream';
import type { Route } from './backendChoice';
import type { GatewayRequest } from './gateway';

export interface CallObserver {
  /** Headers by which the service joins the trace. */
  headers: Record<string, string>;
  /** An attempt begins. */
  attempt(route: Route): void;
  /** The attempt failed, whether or not another follows; `reason`: a status, or what was thrown. */
  attemptFailed(route: Route, reason: unknown): void;
  /** An answer goes to the caller; returns what takes its body's place: the same bytes, ended and destroyed together with it. */
  answered(status: number, headers: Headers, body: Readable): Readable;
  /** The caller has its answer, whose body may still be on its way, or the error. Always the last. */
  settled(error?: unknown): void;
}

export type ObserveCall = (request: GatewayRequest) => CallObserver;
