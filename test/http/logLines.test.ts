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

it('the words of a service, which may be those of a caller, cannot pass for lines of the host', async () => {
  const message = 'No.\n12:00:00 WARNING The disk is full.\r\u001b[2J\u009b31m';
  const client = suite.client('OpenAI', 'beta');
  const store = await client.vectorStores.create({});
  const { id } = await client.files.create({ file: new File(['text'], 'a.txt'), purpose: 'assistants' });
  await client.vectorStores.files.createAndPoll(store.id, { file_id: id }, { pollIntervalMs: 50 });
  const failed = reply.status(500, { headers: { 'retry-after': '0' }, body: { error: { message } } });
  suite.upstream.on((_, { kind }) => (kind === 'embeddings' ? failed : undefined));
  await expect(client.vectorStores.search(store.id, { query: 'x' })).rejects.toMatchObject({ status: 503 });
  const lines = await eventually('the line is there', async () =>
    suite.host.output().includes('The disk is full.') ? suite.host.output().split('\n') : undefined,
  );
  expect(lines.filter((line) => line.startsWith('12:00:00 WARNING The disk'))).toEqual([]);
  expect(lines.join('\n')).not.toMatch(/[\r\u001b\u009b]/);
});
