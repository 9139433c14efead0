import { basePaths, checkApiVersion, locate, type BasePath } from '../../src/http/basePaths';

const baseOf = (name: string): BasePath => {
  const found = basePaths.find((base) => base.name === name);
  if (!found) throw new Error(`There is no base path ${name}.`);
  return found;
};

describe('locate', () => {
  it.each([
    ['/openai/assistants', 'openai', '-', '/assistants'],
    ['/openai/v1/assistants', 'openai-v1', '-', '/assistants'],
    ['/v1/threads/runs', 'v1', '-', '/threads/runs'],
    ['/api/projects/p1/assistants/a', 'projects', 'p1', '/assistants/a'],
    ['/api/projects/p1/openai/files', 'projects-openai', 'p1', '/files'],
    ['/api/projects/p1/openai/v1/files', 'projects-openai-v1', 'p1', '/files'],
    ['/OpenAI/V1/assistants', 'openai-v1', '-', '/assistants'],
    ['/v1', 'v1', '-', '/'],
    ['/openai/v11/x', 'openai', '-', '/v11/x'],
  ])('splits %s into its base path, project and rest', (path, name, project, rest) => {
    expect(locate(path)).toEqual({ base: baseOf(name), project, rest });
  });

  it.each([
    '/',
    '/v2/assistants',
    '/openaix/assistants',
    '/api/projects',
    '/api/projects//assistants',
    '/api/v1/x',
    '/x/v1/y',
  ])('finds no base path in %s', (path) => {
    expect(locate(path)).toBeUndefined();
  });
});

describe('checkApiVersion', () => {
  const check =
    (version: string | null, base: string, optional = false) =>
    () =>
      checkApiVersion(version, baseOf(base), optional);

  it.each(['2024-02-29', '2025-04-01-preview', 'preview', 'latest', 'v1'])('takes %s', (version) => {
    for (const { name } of basePaths) expect(check(version, name)).not.toThrow();
  });

  it.each(['2023-02-29', '2025-00-01', '2025-04-01-PREVIEW', '20250401', 'latest ', '2025-04-01\n', 'null'])(
    'refuses %j',
    (version) => {
      for (const { name } of basePaths)
        expect(check(version, name)).toThrow(`The api-version '${version}' is invalid.`);
    },
  );

  it('repeats no more than the first hundred characters of a malformed one', () => {
    expect(check('x'.repeat(10_000), 'v1')).toThrow(new RegExp(`'x{100}'`));
  });

  it('misses one only on /openai, unless the operation does without', () => {
    expect(check(null, 'openai')).toThrow(
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
    expect(check(null, 'openai', true)).not.toThrow();
    for (const name of ['v1', 'openai-v1', 'projects', 'projects-openai']) expect(check(null, name)).not.toThrow();
  });
});
