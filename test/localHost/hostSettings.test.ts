import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyLocalSettings, pathsFrom } from '../../src/localHost/hostSettings';
import { readConfig } from '../../src/config';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'settings-'));
});
afterEach(async () => rm(folder, { recursive: true }));

async function applied(text: string, env: NodeJS.ProcessEnv = {}): Promise<NodeJS.ProcessEnv> {
  await writeFile(join(folder, 'local.settings.json'), text);
  await applyLocalSettings(folder, env);
  return env;
}

describe('local.settings.json', () => {
  it('is read with the byte order mark that editors on Windows put before it', async () => {
    expect(await applied('\ufeff{"Values":{"PORT":"7072"}}')).toEqual({ PORT: '7072' });
  });

  it('leaves to the environment what is set there', async () => {
    expect(await applied('{"Values":{"PORT":"7072","HOST":"::1","AUDIT":null}}', { HOST: '127.0.0.1' })).toEqual({
      PORT: '7072',
      HOST: '127.0.0.1',
    });
  });

  it.each(['7072', 'true', '{"a":1}', '["a"]'])(
    'is refused with a setting that is %s and no text, which would count for nothing',
    async (value) => {
      await expect(applied(`{"Values":{"PORT":${value}}}`)).rejects.toThrow(
        'local.settings.json: PORT must be a text; the Functions tools leave out what is none.',
      );
    },
  );
});

it('settings that are JSON or the path of a file count from the folder where the host was started', async () => {
  const backends = [{ name: 'a', kind: 'openai', base_url: 'https://service.example/v1' }];
  await writeFile(join(folder, 'backends.json'), `\ufeff${JSON.stringify(backends)}`);
  const env: NodeJS.ProcessEnv = { API_KEYS: 'a:b', MODEL_BACKENDS: 'backends.json', DATA_SOURCES: ' {}' };
  pathsFrom(folder, env);
  expect(env).toMatchObject({ MODEL_BACKENDS: join(folder, 'backends.json'), DATA_SOURCES: ' {}' });
  expect(env).not.toHaveProperty('ENTRA_PRINCIPALS');
  expect(readConfig(env).backends.map(({ name }) => name)).toEqual(['a']);
});
