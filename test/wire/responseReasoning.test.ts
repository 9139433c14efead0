/** Thoughts of models whose service tells them, in responses. The suite itself checks every answer and event. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { eventsOf } from '../support/responseStreams';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const model = 'thinker';

const callOf = (name: string) => ({
  tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name, arguments: '{}' } }],
});
const itemsOf = ({ output }: OpenAI.Responses.Response) => output.map(({ type }) => type);
const messages = () => suite.upstream.requests.at(-1)?.body.messages;

describe.each(sdks)('with the class %s', (sdk) => {
  it.each(['reasoning_content', 'reasoning'])(
    'streams thoughts as an item before the answer, from %s',
    async (field) => {
      suite.upstream.enqueue(reply.thinking(['Otters ', 'float.'], { content: 'Afloat.' }, { field }));
      const client = suite.client(sdk);
      const events = await eventsOf(
        await client.responses.create({ model, input: 'Where do otters sleep?', stream: true }),
      );
      expect(events.map(({ type }) => type.replace('response.', '')).slice(2, 9)).toEqual([
        ...['output_item.added', 'content_part.added', 'reasoning_text.delta', 'reasoning_text.delta'],
        ...['reasoning_text.done', 'content_part.done', 'output_item.done'],
      ]);
      const last = events.at(-1);
      const made = last && 'response' in last ? last.response : undefined;
      if (!made) throw new Error('The stream has no end.');
      expect(itemsOf(made)).toEqual(['reasoning', 'message']);
      const type = sdk === 'OpenAI' ? 'reasoning_text' : 'reasoning_summary';
      expect(made.output[0]).toMatchObject({
        status: 'completed',
        summary: [],
        content: [{ type, text: 'Otters float.' }],
      });
      expect((await client.responses.retrieve(made.id)).output).toEqual(made.output);
    },
  );
});

it('keeps thoughts between calls, lists them, takes them back, and tells no model of them', async () => {
  const { responses } = suite.client();
  const tools = [{ type: 'function' as const, name: 'now', parameters: {}, strict: false }];
  suite.upstream.enqueue(reply.thinking(['I need the time.'], callOf('now'), { finishReason: 'tool_calls' }));
  const input = [{ role: 'user' as const, content: 'What time is it?' }];
  const asked = await responses.create({ model, input, tools });
  expect(itemsOf(asked)).toEqual(['reasoning', 'function_call']);
  const output = { type: 'function_call_output' as const, call_id: 'call_1', output: 'noon' };
  suite.upstream.enqueue(reply.thinking(['It is noon.'], { content: 'Noon.' }));
  const told = await responses.create({ model, input: [output], tools, previous_response_id: asked.id });
  expect(itemsOf(told)).toEqual(['reasoning', 'message']);
  expect(JSON.stringify(messages())).not.toContain('I need the time.');
  const { data } = await responses.inputItems.list(told.id);
  expect(data.map(({ type }) => type)).toEqual(['message', 'reasoning', 'function_call', 'function_call_output']);
  // By a caller who keeps the conversation himself.
  const kept = [...input, ...asked.output, output] as OpenAI.Responses.ResponseInput;
  const again = await responses.create({ model, input: kept, tools, store: false });
  expect(again.status).toBe('completed');
  expect(messages()?.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
});

it('shows how far a model got that thought until its tokens were used up', async () => {
  suite.upstream.enqueue(reply.thinking(['Well, '], {}, { finishReason: 'length' }));
  const made = await suite.client().responses.create({ model, input: 'Why?', max_output_tokens: 16 });
  expect(made).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    output: [{ type: 'reasoning', status: 'incomplete', content: [{ text: 'Well, ' }] }],
  });
});

it('tells no more of long thoughts than fits beside the answer, which is whole', async () => {
  suite.upstream.enqueue(
    reply.thinking(
      Array.from({ length: 40 }, () => 'x'.repeat(8000)),
      { content: 'So it is.' },
    ),
  );
  const made = await suite.client().responses.create({ model, input: 'Why?' });
  expect(made.output_text).toBe('So it is.');
  const text = made.output.flatMap((item) => (item.type === 'reasoning' ? (item.content ?? []) : []))[0]?.text ?? '';
  expect(text.length).toBeGreaterThan(100_000);
  expect(text.length).toBeLessThanOrEqual(128 * 1024);
});

it('streams thoughts of a response in the background, from any event on', async () => {
  const { responses } = suite.client();
  suite.upstream.enqueue(reply.thinking(['Otters ', 'float.'], { content: 'Afloat.' }));
  const all = await eventsOf(await responses.create({ model, input: 'Where?', background: true, stream: true }));
  expect(all.filter(({ type }) => type === 'response.reasoning_text.done')).toMatchObject([{ text: 'Otters float.' }]);
  const [first] = all;
  const id = first?.type === 'response.created' ? first.response.id : '';
  for (const { sequence_number: after } of all.slice(0, -1))
    expect(await eventsOf(await responses.retrieve(id, { stream: true, starting_after: after }))).toEqual(
      all.slice(after + 1),
    );
});

it('keeps thoughts out of runs, which begin anew where an answer breaks off in them', async () => {
  const { beta } = suite.client();
  suite.upstream.enqueue(reply.raw('data: {"choices":[{"index":0,"delta":{"reasoning_content":"Otters "}}]}\n\n'));
  suite.upstream.enqueue(reply.thinking(['Otters float.'], { content: 'Afloat.' }));
  const assistant = await beta.assistants.create({ model });
  const thread = await beta.threads.create({ messages: [{ role: 'user', content: 'Where?' }] });
  const run = await beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id });
  expect(run.status).toBe('completed');
  expect(suite.upstream.calls.chat).toBe(2);
  const { data } = await beta.threads.messages.list(thread.id);
  expect(data[0]?.content).toMatchObject([{ text: { value: 'Afloat.' } }]);
});
