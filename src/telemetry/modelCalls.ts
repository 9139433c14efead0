/** A span and metrics for each call to a model service, by OpenTelemetry's semantic conventions for generative AI. */
import {
  context,
  metrics,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
} from '@opentelemetry/api';
import { pipeline, Transform, type Readable } from 'node:stream';
import type { ModelBackend } from '../modelBackends';
import type { Route } from '../models/backendChoice';
import type { CallObserver, ObserveCall } from '../models/callObserver';
import type { GatewayRequest } from '../models/gateway';
import { UpstreamError } from '../models/upstream';
import { answerAttributes, answerValues, factsOf, LastBytes, type AnswerFacts } from './answerFacts';
import { inputAttributes, outputAttributes } from './messages';
import { operationName, parsedBody, requestAttributes } from './requestFacts';

const SCOPE = 'azure-openai-functions';
/** Of an answer that are kept: for what its end says, or for its text too. */
const KEPT_BYTES = 32 * 1024;
const KEPT_CONTENT_BYTES = 1024 * 1024;

const DURATIONS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];
const providers = { azure: 'azure.ai.openai', openai: 'openai' };

/** Observes the calls of a gateway, with whatever SDK is registered now. */
export function observeModelCalls({ captureContent }: { captureContent: boolean }): ObserveCall {
  const recorder = { ...instruments(), tracer: trace.getTracer(SCOPE), captureContent };
  return (request) => new ObservedCall(recorder, request);
}

type Recorder = ReturnType<typeof instruments> & {
  tracer: ReturnType<typeof trace.getTracer>;
  captureContent: boolean;
};

function instruments() {
  const meter = metrics.getMeter(SCOPE);
  const histogram = (name: string, unit: string, description: string, explicitBucketBoundaries: number[]) =>
    meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries } });
  return {
    duration: histogram('gen_ai.client.operation.duration', 's', 'GenAI operation duration.', DURATIONS),
    firstChunk: histogram(
      'gen_ai.client.operation.time_to_first_chunk',
      's',
      'Time to receive the first chunk.',
      DURATIONS,
    ),
    tokens: histogram('gen_ai.client.token.usage', '{token}', 'Number of input and output tokens used.', TOKENS),
  };
}

const servers = new WeakMap<ModelBackend, Attributes>();

/** Attributes that are the same for all calls of a backend. */
function backendAttributes(backend: ModelBackend): Attributes {
  let known = servers.get(backend);
  if (!known) {
    const { hostname, port, protocol } = new URL(backend.baseUrl);
    known = {
      'gen_ai.provider.name': providers[backend.kind],
      'server.address': hostname,
      'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
      'gateway.backend.name': backend.name,
    };
    servers.set(backend, known);
  }
  return known;
}

class ObservedCall implements CallObserver {
  readonly headers: Record<string, string> = {};
  private readonly began = performance.now();
  private readonly span: Span;
  /** Of both the span and the metrics. */
  private attributes: Attributes;
  private attempts = 0;
  private firstByteSeconds: number | undefined;
  private answer: { kept: LastBytes; isStream: boolean; isKept: boolean } | undefined;
  private bodyIsOpen = false;
  private isSettled = false;
  private errorType: string | undefined;
  private ended = false;

  constructor(
    private readonly recorder: Recorder,
    request: GatewayRequest,
  ) {
    const name = operationName(request);
    this.attributes = { 'gen_ai.operation.name': name, 'gen_ai.request.model': request.model };
    const parent = propagation.extract(context.active(), request.headers, fromHeaders);
    this.span = recorder.tracer.startSpan(
      `${name} ${request.model}`,
      { kind: SpanKind.CLIENT, attributes: this.attributes },
      parent,
    );
    propagation.inject(trace.setSpan(parent, this.span), this.headers, intoRecord);
    if (this.span.isRecording()) this.describe(request);
  }

  attempt({ backend, name }: Route): void {
    this.attempts += 1;
    this.attributes = { ...this.attributes, ...backendAttributes(backend), 'gen_ai.request.model': name };
  }

  attemptFailed({ backend }: Route, reason: unknown): void {
    this.span.addEvent('gateway.attempt.failed', {
      'gateway.backend.name': backend.name,
      'error.type': errorTypeOf(reason),
    });
  }

  answered(status: number, headers: Headers, body: Readable): Readable {
    const type = headers.get('content-type') ?? '';
    const isStream = /^text\/event-stream\b/i.test(type);
    const kept = new LastBytes(this.recorder.captureContent ? KEPT_CONTENT_BYTES : KEPT_BYTES);
    const isKept = isStream || /\bjson\b/i.test(type);
    this.answer = { kept, isStream, isKept };
    this.firstByteSeconds = undefined;
    this.errorType = status >= 400 ? String(status) : undefined;
    this.bodyIsOpen = true;
    return this.tap(body);
  }

  settled(error?: unknown): void {
    this.isSettled = true;
    if (error !== undefined) this.errorType = errorTypeOf(error);
    if (error !== undefined || !this.bodyIsOpen) this.end();
  }

  /** The body, looked at as it passes. */
  private tap(body: Readable): Readable {
    const { answer } = this;
    const tap = new Transform({
      transform: (piece: Buffer, _encoding, done) => {
        this.firstByteSeconds ??= this.seconds();
        if (answer?.isKept) answer.kept.take(piece);
        done(null, piece);
      },
    });
    pipeline(body, tap, (error) => {
      if (answer !== this.answer) return;
      this.bodyIsOpen = false;
      if (error) this.errorType ??= errorTypeOf(error);
      if (this.isSettled) this.end();
    });
    // The reader learns of an error from the stream's state, even if it comes before it listens.
    tap.on('error', () => undefined);
    return tap;
  }

  private describe(request: GatewayRequest): void {
    const body = parsedBody(request);
    this.span.setAttributes(requestAttributes(request.operation, body));
    if (request.tenant !== undefined) this.span.setAttribute('gateway.tenant', request.tenant);
    if (this.recorder.captureContent && body) this.span.setAttributes(inputAttributes(body));
  }

  private seconds(): number {
    return (performance.now() - this.began) / 1000;
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    const { values, isDone } = this.answerValues();
    const facts = factsOf(values, isDone);
    // Whoever has read `[DONE]` may leave without the end of the connection.
    if (this.errorType === 'cancelled' && isDone && this.answer?.isStream) this.errorType = undefined;
    this.record(facts);
    const { span, errorType, firstByteSeconds } = this;
    span.setAttributes({ ...this.attributes, ...answerAttributes(facts), 'gateway.attempt.count': this.attempts });
    if (this.recorder.captureContent) span.setAttributes(outputAttributes(values));
    if (this.answer?.isStream) {
      span.setAttribute('gen_ai.request.stream', true);
      if (firstByteSeconds !== undefined) span.setAttribute('gen_ai.response.time_to_first_chunk', firstByteSeconds);
    }
    if (errorType !== undefined) span.setAttribute('error.type', errorType).setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }

  private answerValues(): { values: object[]; isDone: boolean } {
    const { answer } = this;
    if (!answer?.isKept) return { values: [], isDone: false };
    return answerValues(answer.kept.text(), answer.isStream, answer.kept.isWhole);
  }

  private record({ model, inputTokens, outputTokens }: AnswerFacts): void {
    const { duration, firstChunk, tokens } = this.recorder;
    const common = model === undefined ? this.attributes : { ...this.attributes, 'gen_ai.response.model': model };
    const { errorType, firstByteSeconds } = this;
    duration.record(this.seconds(), errorType === undefined ? common : { ...common, 'error.type': errorType });
    if (this.answer?.isStream && firstByteSeconds !== undefined) firstChunk.record(firstByteSeconds, common);
    if (inputTokens !== undefined) tokens.record(inputTokens, { ...common, 'gen_ai.token.type': 'input' });
    if (outputTokens !== undefined) tokens.record(outputTokens, { ...common, 'gen_ai.token.type': 'output' });
  }
}

/** `error.type`: a status, `timeout`, `cancelled` where the caller left, a kind of ModelError, or the name of an unexpected error. */
function errorTypeOf(error: unknown): string {
  if (typeof error === 'number') return String(error);
  if (error instanceof UpstreamError) return error.status === 504 ? 'timeout' : error.kind;
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  if (name === 'AbortError' || code === 'ERR_STREAM_PREMATURE_CLOSE') return 'cancelled';
  if (code === 'UND_ERR_BODY_TIMEOUT') return 'timeout';
  if (typeof code === 'string') return code;
  return typeof name === 'string' ? name : '_OTHER';
}

const fromHeaders = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
};
const intoRecord = {
  set: (record: Record<string, string>, name: string, value: string) => void (record[name] = value),
};
