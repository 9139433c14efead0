import { readBot } from '../src/botSettings';
import { ConfigError } from '../src/configError';

const whole = { BOT_APP_ID: 'app', BOT_TENANT: 'team-a', BOT_PROJECT: 'p1' };

it('reads the bot, whose tokens come from the Bot Framework unless it is told otherwise', () => {
  expect(readBot(whole)).toEqual({
    appId: 'app',
    tenant: 'team-a',
    project: 'p1',
    metadataUrl: 'https://login.botframework.com/v1/.well-known/openidconfiguration',
  });
  const BOT_METADATA_URL = 'https://login.botframework.azure.us/v1/.well-known/openidconfiguration';
  expect(readBot({ ...whole, BOT_METADATA_URL })?.metadataUrl).toBe(BOT_METADATA_URL);
  expect(readBot({})).toBeUndefined();
});

it.each([
  ['BOT_TENANT', { ...whole, BOT_TENANT: undefined }],
  ['BOT_TENANT', { ...whole, BOT_TENANT: 'a tenant' }],
  ['BOT_PROJECT', { ...whole, BOT_PROJECT: undefined }],
  ['BOT_PROJECT', { ...whole, BOT_PROJECT: 'a/b' }],
  ['BOT_METADATA_URL', { ...whole, BOT_METADATA_URL: 'http://keys.example/' }],
  ['BOT_METADATA_URL', { ...whole, BOT_METADATA_URL: 'keys' }],
  ['BOT_TENANT', { BOT_TENANT: 'team-a' }],
  ['BOT_METADATA_URL', { BOT_METADATA_URL: 'https://keys.example/' }],
])('names the setting that is wrong: %s', (setting, env) => {
  expect(() => readBot(env)).toThrow(expect.objectContaining({ name: 'ConfigError', setting }));
  expect(() => readBot(env)).toThrow(ConfigError);
});
