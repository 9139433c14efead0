/** Responses in the background on two instances that share a storage account. */
import { startAzurite, type Azurite } from '../support/azurite';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { eventsOf, faultsOfStream, isEnd, type StreamEvent } from '../support/responseStreams';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let azurite: Azurite;
let upstream: ScriptedUpstream;
let hosts: Host[] = [];
beforeAll(async () => {
  azurite = await startAzurite();
  upstream = await startScriptedUpstream();
  const env = {
    OPENAI_BASE_URL: upstream.url,
    OPENAI_API_KEY: 'up',
    STORAGE: 'azure',
    AzureWebJobsStorage: azurite.connectionString,
    STORAGE_PREFIX: azurite.newPrefix(),
  };
  hosts = await Promise.all([startHost({ env }), startHost({ env })]);
}, 60_000);
afterAll(async () => {
  await Promise.all(hosts.map(async (host) => host.stop()));
  await upstream.close();
  await azurite.stop();
});
beforeEach(() => upstream.reset());

const clients = () => {
  const [one, other] = hosts.map((host) => host.openai());
  if (!one || !other) throw new Error('There are two hosts.');
  return { one, other };
};
const idOf = ([first]: StreamEvent[]): string => (first && 'response' in first ? first.response.id : '');

it('streams from one what the other drives, from the middle and from the beginning', async () => {
  const { one, other } = clients();
  upstream.enqueue(reply.text('Otters sleep on the water, in rafts.', { chunks: 20, delayMs: 100 }));
  const stream = await one.responses.create({ model: 'gpt', input: 'Hello', background: true, stream: true });
  const first = await eventsOf(stream, ({ type }) => type === 'response.output_text.delta');
  const id = idOf(first);
  const [rest, all] = await Promise.all([
    other.responses.retrieve(id, { stream: true, starting_after: first.length - 1 }).then(eventsOf),
    other.responses.retrieve(id, { stream: true }).then(eventsOf),
  ]);
  expect(faultsOfStream(all)).toEqual([]);
  expect([...first, ...rest]).toEqual(all);
  expect((await other.responses.retrieve(id)).output_text).toBe('Otters sleep on the water, in rafts.');
});

it('is cancelled through one while the other drives it', async () => {
  const { one, other } = clients();
  upstream.enqueue(reply.stallAfter(3, reply.text('A long story without end.', { chunks: 10 })));
  const made = await one.responses.create({ model: 'gpt', input: 'Hello', background: true });
  await eventually('the call of the model', async () => Promise.resolve(upstream.calls.chat === 1 ? true : undefined));
  const asked = Date.now();
  expect((await other.responses.cancel(made.id)).status).toBe('cancelled');
  await upstream.until(() => upstream.abandoned === 1);
  expect(Date.now() - asked).toBeLessThan(2000);
  expect((await one.responses.retrieve(made.id)).status).toBe('cancelled');
});

it('goes on at the other when the one that drives it dies, under the numbers that its readers know', async () => {
  const [dying] = hosts;
  const { one, other } = clients();
  upstream.enqueue(reply.stallAfter(4, reply.text('Half of it.', { chunks: 8 })), reply.text('The whole of it.'));
  const seen: StreamEvent[] = [];
  const stream = await one.responses.create({ model: 'gpt', input: 'Hello', background: true, stream: true });
  const reading = (async () => {
    for await (const event of stream) seen.push(event);
  })().catch(() => undefined);
  await eventually('a delta', async () =>
    Promise.resolve(seen.some(({ type }) => type === 'response.output_text.delta') ? true : undefined),
  );
  await dying?.kill();
  await reading;
  const rest = await eventsOf(
    await other.responses.retrieve(idOf(seen), { stream: true, starting_after: seen.at(-1)?.sequence_number }),
  );
  expect(faultsOfStream([...seen, ...rest])).toEqual([]);
  expect(rest.filter(isEnd)).toMatchObject([{ type: 'response.completed' }]);
  expect((await other.responses.retrieve(idOf(seen))).output_text).toBe('The whole of it.');
}, 60_000);
