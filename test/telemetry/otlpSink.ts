/** Takes what OTLP/HTTP exporters send as JSON. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type AttributeValue = string | number | boolean | AttributeValue[];
export type Attributes = Record<string, AttributeValue>;

export interface SentSpan {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: Attributes;
  events: { name: string; attributes: Attributes }[];
  /** 2: error. */
  status: { code?: number };
}

export interface SentPoint {
  attributes: Attributes;
  count: number;
  sum: number;
  explicitBounds: number[];
}

export interface OtlpSink {
  url: string;
  spans: SentSpan[];
  /** The last points of each metric. */
  metrics: Map<string, SentPoint[]>;
  resources: Attributes[];
  /** Everything that came, as text. */
  text: string;
  requests: { path: string; contentType: string }[];
  close(): Promise<void>;
}

interface Wire {
  resourceSpans?: { resource: { attributes: Pair[] }; scopeSpans: { spans: WireSpan[] }[] }[];
  resourceMetrics?: { resource: { attributes: Pair[] }; scopeMetrics: { metrics: WireMetric[] }[] }[];
}
interface Pair {
  key: string;
  value: Record<string, unknown>;
}
type WireSpan = Omit<SentSpan, 'attributes' | 'events'> & {
  attributes: Pair[];
  events: { name: string; attributes: Pair[] }[];
};
interface WireMetric {
  name: string;
  histogram: { dataPoints: (Omit<SentPoint, 'attributes'> & { attributes: Pair[] })[] };
}

/** Starts the server on 127.0.0.1. */
export async function startOtlpSink(): Promise<OtlpSink> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const text = Buffer.concat(pieces).toString('utf8');
      const contentType = request.headers['content-type'] ?? '';
      sink.requests.push({ path: request.url ?? '', contentType });
      sink.text += text;
      if (contentType === 'application/json') take(JSON.parse(text) as Wire, sink);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sink: OtlpSink = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    metrics: new Map(),
    resources: [],
    text: '',
    requests: [],
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return sink;
}

function take({ resourceSpans = [], resourceMetrics = [] }: Wire, sink: OtlpSink): void {
  for (const { resource, scopeSpans } of resourceSpans) {
    sink.resources.push(attributesOf(resource.attributes));
    const spans = scopeSpans.flatMap((scope) => scope.spans);
    sink.spans.push(
      ...spans.map((span) => ({
        ...span,
        attributes: attributesOf(span.attributes),
        events: span.events.map((event) => ({ name: event.name, attributes: attributesOf(event.attributes) })),
      })),
    );
  }
  for (const { name, histogram } of resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics),
  ))
    sink.metrics.set(
      name,
      histogram.dataPoints.map((point) => ({ ...point, attributes: attributesOf(point.attributes) })),
    );
}

const attributesOf = (pairs: Pair[]): Attributes =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, valueOf(value)]));

function valueOf({
  stringValue,
  intValue,
  doubleValue,
  boolValue,
  arrayValue,
}: Record<string, unknown>): AttributeValue {
  if (typeof stringValue === 'string') return stringValue;
  if (typeof boolValue === 'boolean') return boolValue;
  if (arrayValue) return (arrayValue as { values: Record<string, unknown>[] }).values.map(valueOf);
  return Number(intValue ?? doubleValue);
}
