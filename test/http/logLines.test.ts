/** Faults in the log of a started host, by which an operator finds what a caller asks about. */
import { APIError } from 'openai';
import { contractSuite } from '../support/contractSuite';
import { eventually } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();

it('the line of a fault names the request by the id that the caller was told, and the tenant', async () => {
  suite.upstream.on(() => reply.disconnect());
  const call = { model: 'chat', messages: [{ role: 'user' as const, content: 'a secret question' }] };
  const error: unknown = await suite
    .client('OpenAI', 'beta')
    .chat.completions.create(call)
    .catch((fault: unknown) => fault);
  if (!(error instanceof APIError)) throw new TypeError('The call did not fail.');
  const id = error.headers?.get('x-request-id') ?? '';
  expect(id).toMatch(/^[\w-]{36}$/);
  const line = await eventually('the line is there', async () =>
    suite.host
      .output()
      .split('\n')
      .find((text) => text.includes(`request=${id}`)),
  );
  expect(line).toContain(`The request failed. request=${id} tenant=beta`);
  expect(suite.host.output()).not.toContain('a secret question');
});
