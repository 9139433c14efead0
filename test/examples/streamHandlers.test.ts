/** Streams with handlers: text as it comes, the functions that are called, and the stream that goes on with their outputs. */
import type OpenAI from 'openai';
import type { AssistantStream } from 'openai/lib/AssistantStream';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

const clock: OpenAI.Beta.AssistantTool = {
  type: 'function',
  function: { name: 'time_in', parameters: { type: 'object', properties: { place: { type: 'string' } } } },
};

/** Writes an answer piece by piece, whoever the stream comes from; tells of each tool call. */
function write(stream: AssistantStream, out: (text: string) => void): AssistantStream {
  return stream
    .on('toolCallCreated', (call) => out(`[${call.type}]`))
    .on('toolCallDone', (call) => out(call.type === 'function' ? `[${call.function.arguments}]` : ''))
    .on('textCreated', () => out('assistant > '))
    .on('textDelta', (delta) => out(delta.value ?? ''))
    .on('textDone', () => out('\n'));
}

/** Streams a conversation of two questions, and hands in what functions return. */
async function converse(
  client: OpenAI,
  timeIn: (place: string) => string,
  out: (text: string) => void,
): Promise<string[]> {
  const { threads, assistants } = client.beta;
  const { id: assistant_id } = await assistants.create({ model: 'gpt-4.1', tools: [clock] });
  const first = threads.createAndRunStream({
    assistant_id,
    thread: { messages: [{ role: 'user', content: 'Good morning!' }] },
  });
  const { thread_id } = await write(first, out).finalRun();

  await threads.messages.create(thread_id, { role: 'user', content: 'What is the time in Oslo?' });
  let stream = write(threads.runs.stream(thread_id, { assistant_id }), out);
  let run = await stream.finalRun();
  while (run.status === 'requires_action' && run.required_action) {
    const tool_outputs = run.required_action.submit_tool_outputs.tool_calls.map((call) => {
      const { place } = JSON.parse(call.function.arguments) as { place: string };
      return { tool_call_id: call.id, output: timeIn(place) };
    });
    stream = write(threads.runs.submitToolOutputsStream(run.id, { thread_id, tool_outputs }), out);
    run = await stream.finalRun();
  }
  return [run.status, ...(await stream.finalMessages()).map(({ role }) => role)];
}

const suite = contractSuite();

it.each(sdks)('calls the handlers of text and tools in order, over three streams (%s)', async (sdk) => {
  suite.upstream.enqueue(
    reply.text('Good morning to you.', { chunks: 4 }),
    reply.toolCalls([{ name: 'time_in', arguments: { place: 'Oslo' } }]),
    reply.text('It is nine.', { chunks: 3 }),
  );
  const pieces: string[] = [];
  const ended = await converse(
    suite.client(sdk),
    (place) => `09:00 in ${place}`,
    (text) => pieces.push(text),
  );
  expect(pieces.join('')).toBe(
    'assistant > Good morning to you.\n[function][{"place":"Oslo"}]assistant > It is nine.\n',
  );
  // In pieces, as the model sent them.
  expect(pieces.filter((piece) => /\w/.test(piece)).length).toBeGreaterThan(8);
  expect(ended).toEqual(['completed', 'assistant']);
  const last = suite.upstream.requests.at(-1)?.body.messages?.at(-1);
  expect(last).toMatchObject({ role: 'tool', content: '09:00 in Oslo' });
});
