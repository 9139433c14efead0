import { ConfigError } from '../../src/config';
import { errors } from '../../src/errors';
import { errorResponse, isFault } from '../../src/http/errorResponse';

it('answers an error of the catalogue in the shape of the services', async () => {
  const answer = errorResponse(
    errors.modelFailed({ kind: 'rate_limited', message: 'Slow down.', retryAfterSeconds: 1.2 }),
  );
  expect(answer.status).toBe(429);
  expect(answer.headers.get('retry-after')).toBe('2');
  expect(await answer.json()).toEqual({
    error: { message: 'Slow down.', type: 'requests', param: null, code: 'rate_limit_exceeded' },
  });
});

it.each([new Error('secret at /home'), new TypeError('secret'), 'secret', undefined, { message: 'secret' }])(
  'tells nothing of the unforeseen: %j',
  async (error) => {
    const answer = errorResponse(error);
    expect(answer.status).toBe(500);
    const text = await answer.text();
    expect(text).toContain('"internal_error"');
    expect(text).not.toContain('secret');
  },
);

it('names a wrong setting', async () => {
  const answer = errorResponse(new ConfigError('API_KEYS', 'is not set.'));
  expect(answer.status).toBe(500);
  expect(await answer.json()).toMatchObject({
    error: { code: 'wrong_setting', message: expect.stringContaining('API_KEYS: is not set.') },
  });
});

it("tells faults, which belong in the log, from the caller's mistakes", () => {
  expect(isFault(new Error('x'))).toBe(true);
  expect(isFault(errors.internal())).toBe(true);
  expect(isFault(new ConfigError('A', 'b'))).toBe(true);
  expect(isFault(errors.noThread('t'))).toBe(false);
  expect(isFault(errors.wrongKey())).toBe(false);
  expect(isFault(errors.activityNotServed('invoke'))).toBe(false);
});
