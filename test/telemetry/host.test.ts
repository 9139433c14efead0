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
