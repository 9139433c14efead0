import { errors } from 'undici';
import { connectionFailure } from '../../src/adapters/openAiErrors';
import { UpstreamError } from '../../src/models/upstream';

it('an answer that is not HTTP is a failure of the service, which may be tried again, and was reached', () => {
  const failure = connectionFailure(new errors.HTTPParserError('Expected HTTP/'), 'OPENAI_BASE_URL');
  expect(failure).toBeInstanceOf(UpstreamError);
  expect(failure).toMatchObject({ kind: 'unavailable', status: 502, retry: {}, reached: true });
});

it('an error of our own stays what it is', () => {
  const error = new Error('A bug.');
  expect(connectionFailure(error, 'OPENAI_BASE_URL')).toBe(error);
});
