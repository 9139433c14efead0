import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { makeCertificates } from '../support/certificates';
import { startHost, type Host } from '../support/host';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { startOtlpSink, type OtlpSink } from './otlpSink';

let upstream: ScriptedUpstream;
let sink: OtlpSink;
let host: Host | undefined;

beforeEach(async () => {
  upstream = await startScriptedUpstream();
  sink = await startOtlpSink();
});
afterEach(async () => {
  await host?.stop();
  await sink.close();
  await upstream.close();
});

it('exports what it holds when the host stops', async () => {
  host = await startHost({
    env: {
      OPENAI_BASE_URL: upstream.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    },
  });
  await host.openai().chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello.' }] });
  await host.stop();
  host = undefined;
  expect(sink.spans.map(({ name }) => name)).toContain('chat gpt-4o');
  expect([...sink.metrics.keys()].toSorted()).toEqual([
    'gen_ai.client.operation.duration',
    'gen_ai.client.token.usage',
  ]);
}, 60_000);

it('sends spans and metrics to Application Insights where its connection string is set, by the resource that it names', async () => {
  const sent: string[] = [];
  const certificates = await makeCertificates();
  const { TLS_CERT_FILE, TLS_KEY_FILE } = certificates.env;
  const tls = { cert: readFileSync(TLS_CERT_FILE), key: readFileSync(TLS_KEY_FILE) };
  const service = createServer(tls, (request, response) => {
    void buffer(request).then((body) => {
      const isPacked = request.headers['content-encoding'] === 'gzip';
      sent.push(`${request.url} ${(isPacked ? gunzipSync(body) : body).toString()}`);
      const items = sent.at(-1)?.split('\n').length ?? 0;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ itemsReceived: items, itemsAccepted: items, errors: [] }));
    });
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const { port } = service.address() as AddressInfo;
  const key = '00000000-0000-0000-0000-00000000abcd';
  try {
    host = await startHost({
      env: {
        OPENAI_BASE_URL: upstream.url,
        APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${key};IngestionEndpoint=https://127.0.0.1:${port}/`,
        NODE_EXTRA_CA_CERTS: certificates.caFile,
        // What the exporter tells Microsoft of itself would leave this machine.
        APPLICATION_INSIGHTS_NO_STATSBEAT: '1',
      },
    });
    await host.openai().chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello.' }] });
    await host.stop();
    host = undefined;
    const all = sent.join('\n');
    expect(all).toContain(key);
    expect(all).toMatch(
      /"baseType":"RemoteDependencyData"[^\n]*"name":"chat gpt-4o"|"name":"chat gpt-4o"[^\n]*RemoteDependencyData/,
    );
    expect(all).toContain('gen_ai.client.token.usage');
    expect(all).not.toContain('Hello.');
  } finally {
    await certificates.remove();
    service.close();
  }
}, 60_000);
