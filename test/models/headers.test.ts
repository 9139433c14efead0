import { callerHeaders } from '../../src/models/headers';

const passed = (headers: Record<string, string | string[]>) => Object.fromEntries(callerHeaders(headers));

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
