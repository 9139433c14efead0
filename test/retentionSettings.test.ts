import { ConfigError } from '../src/configError';
import { readConfig } from '../src/config';
import { readRetentionDays } from '../src/retentionSettings';

it('reads pairs, and a JSON object of the same', () => {
  const wanted = new Map([
    ['team-a', 30],
    ['*', 365],
  ]);
  expect(readRetentionDays('team-a:30,*:365')).toEqual(wanted);
  expect(readRetentionDays(' team-a : 30 , *:365 ')).toEqual(wanted);
  expect(readRetentionDays('{"team-a": 30, "*": "365"}')).toEqual(wanted);
  expect(readRetentionDays(undefined)).toEqual(new Map());
});

it.each([
  '30',
  'team-a',
  'team-a:',
  'team-a:0',
  'team-a:1.5',
  'team-a:-1',
  'team-a:40000',
  'a b:3',
  'a:1:2',
  '{',
  '[]x',
  '{"a":null}',
  '{"a":1.5}',
  ',',
])('refuses %j, and says what it takes', (value) => {
  expect(() => readRetentionDays(value)).toThrow(ConfigError);
  expect(() => readRetentionDays(value)).toThrow('team-a:30,*:365');
});

it('refuses a tenant that is named twice', () => {
  expect(() => readRetentionDays('a:1,a:2')).toThrow("names 'a' twice");
});

it('AUDIT is one of three', () => {
  const env = { API_KEYS: 'a:b' };
  expect(readConfig({ ...env, AUDIT: 'storage' }).audit).toBe('storage');
  expect(() => readConfig({ ...env, AUDIT: 'yes' })).toThrow('AUDIT: must be log, storage or off');
});
