import { join } from 'node:path';
import { startHost } from '../support/host';

it('on a host that does not check them, a wrong setting is named by every answer and by the log, and nothing else fails', async () => {
  const host = await startHost({ script: join(__dirname, 'startUnchecked.js'), env: { RUN_EXPIRES_SECONDS: 'soon' } });
  try {
    for (const path of ['/v1/assistants', '/openai/threads/thread_1?api-version=2025-04-01-preview', '/v1/unknown']) {
      const answer = await fetch(`${host.url}${path}`, { headers: { 'api-key': host.key() } });
      expect(answer.status).toBe(500);
      expect(await answer.json()).toEqual({
        error: {
          message: expect.stringContaining('RUN_EXPIRES_SECONDS: must be a whole number of seconds'),
          type: 'server_error',
          param: null,
          code: 'wrong_setting',
        },
      });
    }
    expect(host.output()).toContain('RUN_EXPIRES_SECONDS');
  } finally {
    await host.stop();
  }
});
