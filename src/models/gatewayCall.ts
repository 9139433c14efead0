/** One call through the gateway: its attempts, one after the other, until one is answered for good. */
import { Readable } from 'node:stream';
import { nameAt, type ModelBackend } from '../modelBackends';
import { chooseRoute, type Route } from './backendChoice';
import type { CallObserver } from './callObserver';
import type { CircuitBreaker } from './circuitBreaker';
import type { GatewayAnswer, GatewayBody, GatewayRequest, GatewayTarget } from './gateway';
import { callerHeaders, IMAGE_DEPLOYMENT, upstreamHeaders } from './headers';
import { withModel } from './jsonModel';
import { misfitStatus, misfitType } from './misfitAnswer';
import { readRefusal, type RefusedAnswer } from './refusedAnswer';
import type { TokenUsage } from '../tokenUsage';
import { retryDelay, type Clock, type RetryHint, type RetryPolicy } from './retry';
import type { Reservation } from './tenantLimits';
import { UpstreamError, type Upstream, type UpstreamAnswer } from './upstream';

/** What all calls of a gateway share. */
export interface CallContext {
  upstream: Upstream;
  clock: Clock;
  policy: RetryPolicy;
  breaker: CircuitBreaker;
  /** Calls under way, by backends that limit them. */
  underWay: Map<ModelBackend, number>;
  scrub: (text: string) => string;
}

/** Where a call is counted. */
export interface CallAccounts {
  reservation: Reservation;
  /** Told what an answer took; it lives as long as the answer. */
  settle: (usage: TokenUsage) => void;
}

/** An attempt that was not answered with a success. */
interface Failure {
  route: Route;
  /** An error answer, or why there is none. */
  reason: RefusedAnswer | UpstreamError;
  retry: RetryHint | undefined;
  elsewhere: boolean;
  /** Repeating cannot cost twice. */
  isFree: boolean;
}

type Read<T> = (answer: GatewayAnswer) => Promise<T>;
type Outcome<T> = { value: T } | Failure;

export class GatewayCall<T> {
  private attempts = 0;
  private rounds = 0;
  private readonly began: number;
  /** The routes called in this round; one without a hint is not called again. */
  private readonly tried = new Map<Route, RetryHint | undefined>();
  private last: Failure | undefined;
  /** The body is a stream that can't be had twice, and has been taken. */
  private bodyIsUsed = false;
  /** Why the caller's body could not be read. */
  private bodyError: { error: unknown } | undefined;
  private readonly headers: Record<string, string>;

  constructor(
    private readonly context: CallContext,
    private readonly request: GatewayRequest,
    private readonly routes: readonly Route[],
    private readonly accounts: CallAccounts,
    private readonly read: Read<T>,
    private readonly observer?: CallObserver,
  ) {
    this.began = context.clock.now();
    this.headers = upstreamHeaders(request.headers);
    if (observer) Object.assign(this.headers, observer.headers);
    const { body } = request;
    if (body?.kind === 'json') this.headers['content-type'] ??= 'application/json';
    if (body?.kind === 'stream') this.headers['content-type'] = body.contentType;
  }

  /** Throws {@link UpstreamError}, what `read` throws, or the signal's reason. */
  async run(): Promise<T> {
    for (;;) {
      this.request.signal?.throwIfAborted();
      const route = this.next();
      if (!route) {
        const wait = this.waitForNextRound();
        if (wait === undefined) return this.giveUp(this.blocked());
        await this.context.clock.sleep(wait, this.request.signal);
        this.beginRound();
        continue;
      }
      const outcome = await this.attempt(route);
      if ('value' in outcome) return outcome.value;
      if (!this.last?.retry || !lacksModel(outcome)) this.last = outcome;
      this.observer?.attemptFailed(
        route,
        outcome.reason instanceof UpstreamError ? outcome.reason : outcome.reason.status,
      );
      this.tried.set(route, outcome.retry);
      if (!this.mayRepeat(outcome)) return this.giveUp();
    }
  }

  private next(): Route | undefined {
    const { breaker, clock } = this.context;
    const free = this.routes.filter(
      (route) => !this.tried.has(route) && breaker.admits(route.id) && !this.isBusy(route),
    );
    if (this.attempts > 0 && this.isOutOfTime()) return undefined;
    return chooseRoute(free, clock.random);
  }

  private isOutOfTime(): boolean {
    return this.context.clock.now() - this.began > this.context.policy.budgetMs;
  }

  private isBusy({ backend }: Route): boolean {
    const most = backend.concurrentRequests;
    return most !== undefined && (this.context.underWay.get(backend) ?? 0) >= most;
  }

  private mayRepeat({ isFree, retry, elsewhere }: Failure): boolean {
    if (this.bodyIsUsed || (!this.request.repeatable && !isFree)) return false;
    return elsewhere || retry !== undefined;
  }

  /** The routes that were not called, and may not be now. */
  private blocked(): Route[] {
    return this.routes.filter((route) => !this.tried.has(route));
  }

  /** Milliseconds until the first of the routes may be called again; undefined if that is not worth waiting for. */
  private waitForNextRound(): number | undefined {
    const { breaker, policy, clock } = this.context;
    const elapsed = clock.now() - this.began;
    const random = clock.random();
    const waits = this.routes.flatMap((route) => {
      const rest = breaker.restOf(route.id);
      const hint = this.tried.has(route) ? this.tried.get(route) : { afterMs: rest };
      if (!hint || breaker.openFor(route.id) !== undefined) return [];
      return retryDelay(policy, this.rounds + 1, elapsed, hint, random) ?? [];
    });
    return waits.length ? Math.min(...waits) : undefined;
  }

  private beginRound(): void {
    this.rounds += 1;
    for (const [route, hint] of this.tried) if (hint) this.tried.delete(route);
  }

  private async attempt(route: Route): Promise<Outcome<T>> {
    const { upstream, breaker } = this.context;
    this.attempts += 1;
    this.observer?.attempt(route);
    breaker.begin(route.id);
    const release = this.occupy(route.backend);
    let answer: UpstreamAnswer;
    try {
      answer = await upstream.send({
        backend: route.backend,
        operation: this.request.operation,
        method: this.request.method,
        query: this.request.query,
        model: route.name,
        headers: this.headersTo(route),
        body: this.bodyFor(route),
        signal: this.request.signal,
      });
    } catch (error) {
      release?.();
      return this.notAnswered(route, error);
    }
    if (release) answer.body.once('close', release);
    // 204 and 205 are said to have no body, so no model means them.
    const { status } = answer;
    if (status >= 200 && status < 300 && status !== 204 && status !== 205) return this.succeeded(route, answer);
    return this.refused(route, answer);
  }

  /** Counts the call where its backend limits them; returns what ends the count. */
  private occupy(backend: ModelBackend): (() => void) | undefined {
    if (backend.concurrentRequests === undefined) return undefined;
    const { underWay } = this.context;
    underWay.set(backend, (underWay.get(backend) ?? 0) + 1);
    return () => void underWay.set(backend, (underWay.get(backend) ?? 1) - 1);
  }

  private bodyFor(route: Route): Uint8Array | AsyncIterable<Uint8Array> | undefined {
    const { body, operation } = this.request;
    if (!body) return undefined;
    if (body.kind === 'json')
      return withModel(body.bytes, route.name, this.context.upstream.modelInBody(route.backend, operation));
    return this.pieces(body, this.targetOf(route));
  }

  private targetOf({ backend, name }: Route): GatewayTarget {
    return { model: name, modelInBody: this.context.upstream.modelInBody(backend, this.request.operation) };
  }

  private headersTo(route: Route): Record<string, string> {
    const { body, headers } = this.request;
    const length = body?.kind === 'stream' ? body.length?.(this.targetOf(route)) : undefined;
    const painter = headers.get(IMAGE_DEPLOYMENT);
    const name = painter === null ? undefined : nameAt(route.backend, painter);
    if (length === undefined && name === undefined) return this.headers;
    return {
      ...this.headers,
      ...(length !== undefined && { 'content-length': String(length) }),
      ...(name !== undefined && { [IMAGE_DEPLOYMENT]: name }),
    };
  }

  private async *pieces(body: GatewayBody & { kind: 'stream' }, target: GatewayTarget): AsyncIterable<Uint8Array> {
    this.bodyIsUsed = !body.reopenable;
    try {
      yield* body.open(target) as AsyncIterable<Uint8Array>;
    } catch (error) {
      this.bodyError = { error };
      throw error;
    }
  }

  private async succeeded(route: Route, answer: UpstreamAnswer): Promise<Outcome<T>> {
    const { breaker } = this.context;
    const { signal, operation } = this.request;
    breaker.answered(route.id);
    const misfit = misfitType(operation, answer, route.backend);
    if (misfit) {
      answer.body.on('error', () => undefined).destroy();
      return { route, reason: misfit, retry: misfit.retry, elsewhere: true, isFree: false };
    }
    let isJudged = false;
    const { body } = answer;
    body.once('close', () => {
      if (isJudged) return;
      isJudged = true;
      if (body.readableEnded) breaker.completed(route.id);
      else if (body.errored && !wasLeft(body.errored) && !signal?.aborted) breaker.brokeOff(route.id);
    });
    try {
      return { value: await this.read(this.answerOf(route, answer.status, this.headersFor(answer.headers), body)) };
    } catch (error) {
      const failure = this.failure(route, error);
      if (!isJudged && isOfService(failure)) breaker.brokeOff(route.id);
      isJudged = true;
      return failure;
    }
  }

  private async refused(route: Route, answer: UpstreamAnswer): Promise<Failure> {
    const { breaker, clock, scrub } = this.context;
    const reason = await readRefusal(answer, scrub, clock.now(), route.backend);
    if (this.request.signal?.aborted) breaker.abandoned(route.id);
    this.request.signal?.throwIfAborted();
    const { status, retry, elsewhere } = reason;
    const isFree = neverMade.has(status);
    // What one caller may not do, or did wrong, must not close the service to the others.
    if (status >= 500 && status !== 501) breaker.failed(route.id);
    else breaker.answered(route.id);
    if (status === 429 && retry?.afterMs) breaker.rests(route.id, retry.afterMs);
    const misfit = misfitStatus(status, route.backend);
    if (misfit) return { route, reason: misfit, retry: undefined, elsewhere: true, isFree };
    return { route, reason, retry, elsewhere, isFree };
  }

  private notAnswered(route: Route, error: unknown): Failure {
    const { breaker } = this.context;
    let failure: Failure | undefined;
    try {
      failure = this.failure(route, error);
      return failure;
    } finally {
      if (failure && isOfService(failure)) breaker.failed(route.id);
      else breaker.abandoned(route.id);
    }
  }

  /** An attempt that ended with an error; one that is not the service's is thrown on. */
  private failure(route: Route, error: unknown): Failure {
    if (this.bodyError) throw this.bodyError.error;
    if (!(error instanceof UpstreamError) || this.request.signal?.aborted) throw error;
    const { kind, retry, reached } = error;
    return { route, reason: error, retry, elsewhere: kind === 'unavailable' || retry !== undefined, isFree: !reached };
  }

  /** Answers with what the last attempt brought; where all that were called lack the model, the `blocked` ones may have it. */
  private async giveUp(blocked: readonly Route[] = []): Promise<T> {
    this.accounts.reservation.settle(0);
    if (!this.last || (lacksModel(this.last) && blocked.length > 0)) throw this.notCalled(blocked);
    const { reason, route } = this.last;
    if (reason instanceof UpstreamError) throw reason;
    return this.read(
      this.answerOf(
        route,
        reason.status,
        this.headersFor(reason.headers),
        Readable.from([reason.body], { objectMode: false }),
      ),
    );
  }

  /** Why none of the routes could be called. */
  private notCalled(routes: readonly Route[]): UpstreamError {
    const { breaker } = this.context;
    const { model } = this.request;
    const open = routes.map((route) => breaker.openFor(route.id));
    const rests = routes.flatMap((route) => breaker.restOf(route.id) ?? []);
    if (open.every((ms) => ms !== undefined)) {
      const retryAfterSeconds = Math.min(...open) / 1000;
      const message = `The model service for '${model}' has failed several times in a row and is left alone for some seconds.`;
      return new UpstreamError('unavailable', message, undefined, { status: 503, retryAfterSeconds });
    }
    const retryAfterSeconds = rests.length ? Math.min(...rests) / 1000 : 1;
    return new UpstreamError(
      'rate_limited',
      `The model services for '${model}' take no further calls at the moment.`,
      { afterMs: retryAfterSeconds * 1000 },
      { retryAfterSeconds },
    );
  }

  private headersFor(given: UpstreamAnswer['headers']): Headers {
    const headers = callerHeaders(given);
    for (const [name, value] of Object.entries(this.accounts.reservation.headers)) headers.set(name, value);
    return headers;
  }

  private answerOf({ backend }: Route, status: number, headers: Headers, body: Readable): GatewayAnswer {
    // Lives as long as the answer's body, so it must not hold the call, which has what was sent.
    const { settle } = this.accounts;
    let isSettled = false;
    return {
      status,
      headers,
      body: this.observer?.answered(status, headers, body) ?? body,
      backend: backend.name,
      setting: backend.settings.address,
      attempts: this.attempts,
      settleUsage(usage) {
        if (isSettled) return;
        isSettled = true;
        settle(usage);
      },
    };
  }
}

/** Whether the answer's reader ended it: undici gives a body that is destroyed before its end an AbortError, a pipeline the other. */
const wasLeft = (error: Error): boolean =>
  error.name === 'AbortError' || ('code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE');

/** Statuses of refusals that come before anything is made that could be billed. */
const neverMade = new Set([401, 403, 404, 429]);

const lacksModel = ({ reason }: Failure): boolean => !(reason instanceof UpstreamError) && reason.status === 404;

/** Whether the failure tells of the service, and not of this one call. */
const isOfService = ({ reason, retry }: Failure): boolean =>
  reason instanceof UpstreamError && reason.kind === 'unavailable' && retry !== undefined;
