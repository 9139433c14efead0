/** Several functions that the model calls at once, run side by side. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

/** Lets the model ask for the temperature of as many cities as it likes at a time; its answer. */
async function compareCities(client: OpenAI, temperatureIn: (city: string) => Promise<number>): Promise<string> {
  const assistant = await client.beta.assistants.create({
    model: 'gpt-4.1',
    tools: [
      {
        type: 'function',
        function: {
          name: 'temperature_in',
          parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        },
      },
    ],
  });
  let run = await client.beta.threads.createAndRunPoll({
    assistant_id: assistant.id,
    parallel_tool_calls: true,
    thread: { messages: [{ role: 'user', content: 'Which is the warmest of Oslo, Rome and Cairo?' }] },
  });
  const { thread_id } = run;
  while (run.required_action) {
    const tool_outputs = await Promise.all(
      run.required_action.submit_tool_outputs.tool_calls.map(async (call) => {
        const { city } = JSON.parse(call.function.arguments) as { city: string };
        return { tool_call_id: call.id, output: String(await temperatureIn(city)) };
      }),
    );
    run = await client.beta.threads.runs.submitToolOutputsAndPoll(run.id, { thread_id, tool_outputs });
  }
  const [answer] = (await client.beta.threads.messages.list(thread_id, { run_id: run.id })).data;
  const part = answer?.content[0];
  return part?.type === 'text' ? part.text.value : `The run ended as ${run.status}.`;
}

const suite = contractSuite();

it.each(sdks)('hands out all calls at once and takes their outputs together (%s)', async (sdk) => {
  const temperatures: Record<string, number> = { Oslo: 4, Rome: 18, Cairo: 27 };
  const calls = Object.keys(temperatures).map((city) => ({ name: 'temperature_in', arguments: { city } }));
  suite.upstream.enqueue(reply.toolCalls(calls), reply.text('Cairo, at 27 degrees.'));
  const asked: string[] = [];
  const answer = await compareCities(suite.client(sdk), (city) => {
    asked.push(city);
    return Promise.resolve(temperatures[city] ?? NaN);
  });
  expect(answer).toBe('Cairo, at 27 degrees.');
  expect(asked).toEqual(['Oslo', 'Rome', 'Cairo']);
  const outputs = suite.upstream.requests.at(-1)?.body.messages?.filter(({ role }) => role === 'tool');
  expect(outputs?.map(({ content }) => content)).toEqual(['4', '18', '27']);
  expect(suite.upstream.calls.chat).toBe(2);
});
