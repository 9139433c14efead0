import { startTelemetry } from '../../src/telemetry/sdk';
import { readTelemetrySettings } from '../../src/telemetry/settings';

const read = (env: NodeJS.ProcessEnv) => readTelemetrySettings(env);
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

it('is off unless an exporter is configured', async () => {
  const settings = read({});
  expect(settings).toMatchObject({ traces: undefined, metrics: undefined, captureContent: false, warnings: [] });
  expect((await startTelemetry(settings)).isOn).toBe(false);
});

it('is on for both signals by the common address, and for one by its own', () => {
  expect(read(endpoint)).toMatchObject({ traces: 'http/protobuf', metrics: 'http/protobuf' });
  expect(read({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' })).toMatchObject({
    traces: 'http/protobuf',
    metrics: undefined,
  });
  expect(read({ OTEL_METRICS_EXPORTER: 'otlp' })).toMatchObject({ traces: undefined, metrics: 'http/protobuf' });
});

it.each([
  [{ OTEL_SDK_DISABLED: 'TRUE' }, undefined, undefined],
  [{ OTEL_TRACES_EXPORTER: 'none' }, undefined, 'http/protobuf'],
  [{ OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json' }, 'http/protobuf', 'http/json'],
])('obeys %j', (env, traces, metrics) => {
  expect(read({ ...endpoint, ...env })).toMatchObject({ traces, metrics, warnings: [] });
});

it.each([
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, "OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc'"],
  [{ OTEL_TRACES_EXPORTER: 'zipkin' }, "OTEL_TRACES_EXPORTER: 'zipkin'"],
  [{ OTEL_TRACES_SAMPLER: 'jaeger_remote' }, "OTEL_TRACES_SAMPLER: 'jaeger_remote'"],
  [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' }, 'OTEL_TRACES_SAMPLER_ARG'],
  [{ OTEL_BSP_SCHEDULE_DELAY: 'soon' }, 'OTEL_BSP_SCHEDULE_DELAY'],
])('says that it cannot do %j', (env, warning) => {
  expect(read({ ...endpoint, ...env }).warnings[0]).toContain(warning);
});

it('captures content only where it is switched on', () => {
  const capture = (value: string) => read({ OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: value }).captureContent;
  expect(['true', 'SPAN_ONLY', 'false', 'NO_CONTENT', 'EVENT_ONLY'].map(capture)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

it.each([
  [{}, undefined],
  [{ APPLICATIONINSIGHTS_CONNECTION_STRING: 'c' }, { connectionString: 'c' }],
  [
    { APPLICATIONINSIGHTS_CONNECTION_STRING: 'c', APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD' },
    { connectionString: 'c', identity: {} },
  ],
  [
    {
      APPLICATIONINSIGHTS_CONNECTION_STRING: 'c',
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=id-1;Authorization=AAD',
    },
    { connectionString: 'c', identity: { clientId: 'id-1' } },
  ],
  [{ APPLICATIONINSIGHTS_CONNECTION_STRING: 'c', OTEL_SDK_DISABLED: 'true' }, undefined],
])('goes to Application Insights by its own variables: %j', (env, applicationInsights) => {
  expect(read(env).applicationInsights).toEqual(applicationInsights);
});
