import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../src/configError';
import { readDataSources } from '../src/dataSourceSettings';

const search = (authentication: object) => ({
  type: 'azure_search',
  parameters: { endpoint: 'https://a.search.windows.net', index_name: 'handbook', authentication },
});
const given = { handbook: search({ type: 'api_key', key: 'env:SEARCH_KEY' }) };
const refusal = (value: unknown, env: NodeJS.ProcessEnv = {}) => {
  try {
    readDataSources(typeof value === 'string' ? value : JSON.stringify(value), env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return undefined;
};

describe('readDataSources', () => {
  it('is empty where nothing is set', () => {
    expect(readDataSources(undefined, {})).toEqual(new Map());
  });

  it('fills secrets in from the environment, from JSON and from a file', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'settings-')), 'sources.json');
    writeFileSync(file, JSON.stringify(given));
    for (const value of [JSON.stringify(given), file]) {
      const source = readDataSources(value, { SEARCH_KEY: 'secret' }).get('handbook');
      expect(source?.parameters).toMatchObject({ authentication: { type: 'api_key', key: 'secret' } });
    }
  });

  it.each([
    [given, "'handbook' names the environment variable 'SEARCH_KEY', which is not set"],
    [{ 'a b': given.handbook }, 'a name must be'],
    [{ handbook: { type: 'azure_search' } }, 'handbook.parameters'],
    [{ handbook: search({ type: 'api_key' }) }, 'handbook.parameters.authentication.key'],
    [{ handbook: { ...search({ type: 'api_key', key: 'k' }), who: 1 } }, 'handbook'],
    ['{"handbook": secret}', 'is not valid JSON'],
    ['nowhere.json', 'cannot be read (ENOENT)'],
  ])('refuses %j in one line', (value, message) => {
    expect(refusal(value)).toContain(message);
    expect(refusal(value)).toMatch(/^DATA_SOURCES: [^\n]*$/);
    expect(refusal(value)).not.toContain('secret}');
  });
});
