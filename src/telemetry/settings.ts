/**
 * The standard variables of OpenTelemetry that this package decides on, and those of Application Insights; the exporters read their own (headers, timeouts,
 * certificates, compression).
 */

export type OtlpProtocol = 'http/protobuf' | 'http/json';

/** `APPLICATIONINSIGHTS_CONNECTION_STRING` and, where the resource takes identities only, `APPLICATIONINSIGHTS_AUTHENTICATION_STRING`. */
export interface ApplicationInsights {
  connectionString: string;
  /** The identity that may send; its client id where it is one of several. */
  identity?: { clientId?: string };
}

export interface TelemetrySettings {
  /** Absent: spans are not exported. */
  traces?: OtlpProtocol;
  /** Absent: metrics are not exported. */
  metrics?: OtlpProtocol;
  /** Spans and metrics go to Application Insights too. */
  applicationInsights?: ApplicationInsights;
  /** Prompts and answers go into spans. */
  captureContent: boolean;
  sampler: { name: string; argument?: number };
  /** Milliseconds between exports; absent: those of the SDK. */
  traceDelayMs?: number;
  metricIntervalMs?: number;
  /** What is set but cannot be done, for the log: telemetry stops no request. */
  warnings: string[];
}

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
];

/** Reads the settings; off unless an exporter is configured. Never throws. */
export function readTelemetrySettings(env: NodeJS.ProcessEnv): TelemetrySettings {
  const warnings: string[] = [];
  const isDisabled = env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true';
  const protocol = (signal: 'TRACES' | 'METRICS') => (isDisabled ? undefined : protocolOf(env, signal, warnings));
  return {
    traces: protocol('TRACES'),
    metrics: protocol('METRICS'),
    applicationInsights: isDisabled ? undefined : applicationInsightsOf(env),
    captureContent: /^(true|1|span_only|span_and_event)$/i.test(
      env.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT?.trim() ?? '',
    ),
    sampler: samplerOf(env, warnings),
    traceDelayMs: milliseconds(env, 'OTEL_BSP_SCHEDULE_DELAY', warnings),
    metricIntervalMs: milliseconds(env, 'OTEL_METRIC_EXPORT_INTERVAL', warnings),
    warnings,
  };
}

function applicationInsightsOf(env: NodeJS.ProcessEnv): ApplicationInsights | undefined {
  const connectionString = env.APPLICATIONINSIGHTS_CONNECTION_STRING?.trim();
  if (!connectionString) return undefined;
  const given = env.APPLICATIONINSIGHTS_AUTHENTICATION_STRING ?? '';
  if (!/(?:^|;)\s*Authorization\s*=\s*AAD\s*(?:;|$)/i.test(given)) return { connectionString };
  const clientId = /(?:^|;)\s*ClientId\s*=\s*([^;\s]+)/i.exec(given)?.[1];
  return { connectionString, identity: { ...(clientId !== undefined && { clientId }) } };
}

function protocolOf(
  env: NodeJS.ProcessEnv,
  signal: 'TRACES' | 'METRICS',
  warnings: string[],
): OtlpProtocol | undefined {
  const exporter = env[`OTEL_${signal}_EXPORTER`]?.trim();
  const endpoint = env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]?.trim() || env.OTEL_EXPORTER_OTLP_ENDPOINT?.trim();
  if (exporter === 'none') return undefined;
  if (exporter && exporter !== 'otlp') {
    warnings.push(`OTEL_${signal}_EXPORTER: '${exporter}' is not available here; use 'otlp' or 'none'.`);
    return undefined;
  }
  if (!exporter && !endpoint) return undefined;
  const name = env[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`]?.trim()
    ? `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`
    : 'OTEL_EXPORTER_OTLP_PROTOCOL';
  const protocol = env[name]?.trim() || 'http/protobuf';
  if (protocol === 'http/protobuf' || protocol === 'http/json') return protocol;
  warnings.push(`${name}: '${protocol}' is not available here; use 'http/protobuf' or 'http/json'.`);
  return undefined;
}

function samplerOf(env: NodeJS.ProcessEnv, warnings: string[]): TelemetrySettings['sampler'] {
  const name = env.OTEL_TRACES_SAMPLER?.trim() || 'parentbased_always_on';
  if (!samplers.includes(name)) {
    warnings.push(`OTEL_TRACES_SAMPLER: '${name}' is not available here; use one of ${samplers.join(', ')}.`);
    return { name: 'parentbased_always_on' };
  }
  const given = env.OTEL_TRACES_SAMPLER_ARG?.trim();
  if (!name.endsWith('traceidratio') || !given) return { name };
  const argument = Number(given);
  if (argument >= 0 && argument <= 1) return { name, argument };
  warnings.push('OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1.');
  return { name };
}

function milliseconds(env: NodeJS.ProcessEnv, name: string, warnings: string[]): number | undefined {
  const given = env[name]?.trim();
  if (!given) return undefined;
  const value = Number(given);
  if (Number.isInteger(value) && value > 0) return value;
  warnings.push(`${name}: must be a whole number of milliseconds.`);
  return undefined;
}
