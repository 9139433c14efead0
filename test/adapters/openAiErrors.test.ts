import { errors } from 'undici';
import { connectionFailure } from '../../src/adapters/openAiErrors';
import { UpstreamError } from '../../src/models/upstream';

it('an answer that is not HTTP is a failure of the service, which may be tried again, and was reached', () => {
  const failure = connectionFailure(new errors.HTTPParserError('Expected HTTP/'), 'OPENAI_BASE_URL');
  expect(failure).toBeInstanceOf(UpstreamError);
  expect(failure).toMatchObject({ kind: 'unavailable', status: 502, retry: {}, reached: true });
});

it.each([
  [new errors.HTTPParserError('Duplicate Content-Length'), 'not with valid HTTP'],
  [new errors.HeadersOverflowError(), 'more bytes of headers'],
  [new errors.ResponseContentLengthMismatchError(), 'content-length of its answer'],
])('an answer that has %s says so, and not that nobody was reached', (error, words) => {
  const failure = connectionFailure(error, 'OPENAI_BASE_URL');
  expect(failure).toMatchObject({ status: 502, reached: true, message: expect.stringContaining(words) });
  expect(failure).not.toMatchObject({ message: expect.stringContaining('cannot be reached') });
});

it('an error of our own stays what it is', () => {
  const error = new Error('A bug.');
  expect(connectionFailure(error, 'OPENAI_BASE_URL')).toBe(error);
});
