/** Which headers pass the gateway, in either direction. Everything else stays on its side: credentials, cookies, and what belongs to one connection. */

const toUpstream = [
  'accept',
  'accept-language',
  'content-type',
  'idempotency-key',
  'openai-beta',
  // By these callers find their call in the service's log and in their trace. Telemetry, where it is on, joins the trace with its own span.
  'traceparent',
  'tracestate',
  'x-client-request-id',
  'x-ms-client-request-id',
];

/** By it callers of Azure's Responses name the deployment that makes pictures. */
export const IMAGE_DEPLOYMENT = 'x-ms-oai-image-generation-deployment';

/** The caller's headers that a model service is told; a deployment's name is the caller's, and stays. */
export function upstreamHeaders(given: Headers): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of toUpstream) {
    const value = given.get(name);
    if (value !== null) headers[name] = value;
  }
  return headers;
}

/** Those of one value. */
const toCaller = new Set([
  'apim-request-id',
  'content-disposition',
  'content-length',
  'content-type',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
]);
const listsToCaller =
  /^(?:content-encoding$|content-language$|x-ratelimit-|openai-|x-ms-|azure-openai-|azureml-|ms-azureml-)/;
/** They name the operator's account. */
const ofOperator = new Set(['openai-organization', 'openai-project']);

/** The service's headers that callers read. */
export function callerHeaders(answer: Record<string, string | string[] | undefined>): Headers {
  const headers = new Headers();
  for (const name in answer) {
    const value = answer[name];
    if (value === undefined) continue;
    if (toCaller.has(name)) headers.set(name, firstOf(value));
    else if (listsToCaller.test(name) && !ofOperator.has(name))
      headers.set(name, typeof value === 'string' ? value : value.join(', '));
    else if (name === 'x-request-id') headers.set('x-upstream-request-id', firstOf(value));
  }
  return headers;
}

const firstOf = (value: string | string[]): string => (typeof value === 'string' ? value : (value[0] ?? ''));
