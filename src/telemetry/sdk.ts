/** Starts the OpenTelemetry SDK where an exporter is configured. Its packages are loaded only then: the rest of the package knows `@opentelemetry/api` alone. */
import { metrics, propagation, ProxyTracerProvider, trace } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { Sampler, SpanExporter } from '@opentelemetry/sdk-trace';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { ApplicationInsights, OtlpProtocol, TelemetrySettings } from './settings';

export interface Telemetry {
  /** Somebody takes what is recorded. */
  isOn: boolean;
  /** Exports what is waiting, and stops. Never rejects. */
  stop(): Promise<void>;
}

/**
 * Registers the SDK with the API. One that was loaded before the app (`node --require`, such as the Azure Monitor distribution) is left in place and gets
 * everything. Throws where a package cannot be loaded.
 */
export async function startTelemetry(settings: TelemetrySettings): Promise<Telemetry> {
  if (isPreloaded()) return { isOn: true, stop: () => Promise.resolve() };
  const { applicationInsights } = settings;
  if (!settings.traces && !settings.metrics && !applicationInsights)
    return { isOn: false, stop: () => Promise.resolve() };
  const resource = await describeProcess();
  const stops: (() => Promise<void>)[] = [];
  const toMonitor = applicationInsights && (await monitorExporters(applicationInsights));
  const traceExporters = [
    ...(settings.traces ? [await traceExporter(settings.traces)] : []),
    ...(toMonitor ? [toMonitor.traces] : []),
  ];
  const metricExporters = [
    ...(settings.metrics ? [await metricExporter(settings.metrics)] : []),
    ...(toMonitor ? [toMonitor.metrics] : []),
  ];
  if (traceExporters.length > 0) stops.push(await startTraces(traceExporters, settings, resource));
  if (metricExporters.length > 0) stops.push(await startMetrics(metricExporters, settings, resource));
  return {
    isOn: true,
    async stop() {
      await Promise.allSettled(stops.map((stop) => stop()));
    },
  };
}

function isPreloaded(): boolean {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider && provider.getDelegateTracer('probe') !== undefined;
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before our own name. */
async function describeProcess(): Promise<Resource> {
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } =
    await import('@opentelemetry/resources');
  const ours = resourceFromAttributes({ 'service.name': 'azure-openai-functions' });
  return defaultResource()
    .merge(ours)
    .merge(detectResources({ detectors: [envDetector] }));
}

async function startTraces(
  exporters: SpanExporter[],
  settings: TelemetrySettings,
  resource: Resource,
): Promise<() => Promise<void>> {
  const { BatchSpanProcessor, TracerProvider } = await import('@opentelemetry/sdk-trace');
  const { W3CTraceContextPropagator } = await import('@opentelemetry/core');
  const provider = new TracerProvider({
    resource,
    sampler: await samplerOf(settings.sampler),
    spanProcessors: exporters.map(
      (exporter) => new BatchSpanProcessor({ exporter, scheduledDelayMillis: settings.traceDelayMs }),
    ),
  });
  trace.setGlobalTracerProvider(provider);
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return () => provider.shutdown();
}

async function startMetrics(
  exporters: PushMetricExporter[],
  settings: TelemetrySettings,
  resource: Resource,
): Promise<() => Promise<void>> {
  const { MeterProvider, PeriodicExportingMetricReader } = await import('@opentelemetry/sdk-metrics');
  // The time for an export may not be longer than the time between two.
  const exportIntervalMillis = settings.metricIntervalMs ?? 60_000;
  const exportTimeoutMillis = Math.min(30_000, exportIntervalMillis);
  const readers = exporters.map(
    (exporter) => new PeriodicExportingMetricReader({ exporter, exportIntervalMillis, exportTimeoutMillis }),
  );
  const provider = new MeterProvider({ resource, readers });
  metrics.setGlobalMeterProvider(provider);
  return () => provider.shutdown();
}

/** Nothing is kept on disk while the service cannot be reached: an instance may be gone by then. */
async function monitorExporters({
  connectionString,
  identity,
}: ApplicationInsights): Promise<{ traces: SpanExporter; metrics: PushMetricExporter }> {
  const { AzureMonitorMetricExporter, AzureMonitorTraceExporter } =
    await import('@azure/monitor-opentelemetry-exporter');
  const { ManagedIdentityCredential } = await import('@azure/identity');
  const options = {
    connectionString,
    disableOfflineStorage: true,
    ...(identity && { credential: new ManagedIdentityCredential(identity) }),
  };
  return { traces: new AzureMonitorTraceExporter(options), metrics: new AzureMonitorMetricExporter(options) };
}

async function traceExporter(protocol: OtlpProtocol): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

async function metricExporter(protocol: OtlpProtocol): Promise<PushMetricExporter> {
  const { OTLPMetricExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-metrics-otlp-http')
      : await import('@opentelemetry/exporter-metrics-otlp-proto');
  return new OTLPMetricExporter();
}

async function samplerOf({ name, argument }: TelemetrySettings['sampler']): Promise<Sampler> {
  const { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, TraceIdRatioBasedSampler } =
    await import('@opentelemetry/sdk-trace');
  const root = name.endsWith('always_off')
    ? new AlwaysOffSampler()
    : name.endsWith('traceidratio')
      ? new TraceIdRatioBasedSampler(argument ?? 1)
      : new AlwaysOnSampler();
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}
