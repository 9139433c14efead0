import { callerHeaders, upstreamHeaders } from '../../src/models/headers';

const passed = (headers: Record<string, string | string[]>) => Object.fromEntries(callerHeaders(headers));

it("the caller's own ids of its request and its trace go to the service, credentials and what belongs to the connection do not", () => {
  const ids = { 'x-ms-client-request-id': 'a', 'x-client-request-id': 'b', traceparent: 'c', tracestate: 'd' };
  const own = { authorization: 'Bearer x', 'api-key': 'y', cookie: 'z', connection: 'close', 'x-request-id': 'e' };
  expect(upstreamHeaders(new Headers({ ...ids, ...own }))).toEqual(ids);
});

it("Azure's headers of the deployment's machine learning endpoint pass", () => {
  const headers = { 'azureml-model-session': 'd009', 'ms-azureml-model-error-reason': 'model_error' };
  expect(passed(headers)).toEqual(headers);
});

it('the utilization of a provisioned deployment passes, by which its callers pace themselves', () => {
  const headers = { 'azure-openai-deployment-utilization': '87.5%' };
  expect(passed(headers)).toEqual(headers);
});

it('what names the account of the operator stays here', () => {
  const headers = { 'openai-organization': 'org-1', 'openai-project': 'proj_1', 'openai-version': '2020-10-01' };
  expect(passed(headers)).toEqual({ 'openai-version': '2020-10-01' });
});

it('a header that comes several times passes with all its values, and one that has but one value with the first', () => {
  const headers = {
    'x-ms-region': ['here', 'there'],
    'x-ratelimit-limit-tokens': ['1', '2'],
    'content-language': ['en', 'de'],
    'content-type': ['application/json', 'text/html'],
    'retry-after': ['1', '2'],
    'set-cookie': ['a=b', 'c=d'],
  };
  expect(passed(headers)).toEqual({
    'x-ms-region': 'here, there',
    'x-ratelimit-limit-tokens': '1, 2',
    'content-language': 'en, de',
    'content-type': 'application/json',
    'retry-after': '1',
  });
});
