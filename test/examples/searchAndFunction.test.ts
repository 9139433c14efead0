/** An assistant that searches the user's files and asks the program for what only it knows. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

/** Answers a question from a handbook and from the program's own table of days left; the answer and the file that it cites. */
async function askAboutHolidays(client: OpenAI, daysLeft: Record<string, number>) {
  const store = await client.vectorStores.create({ name: 'Handbook' });
  const handbook = new File(['Employees may carry five days of holiday over to the next year.'], 'handbook.txt');
  const file = await client.vectorStores.files.uploadAndPoll(store.id, handbook);
  const assistant = await client.beta.assistants.create({
    model: 'gpt-4.1',
    instructions: 'Answer from the handbook, and cite it.',
    tools: [
      { type: 'file_search' },
      {
        type: 'function',
        function: {
          name: 'days_left',
          description: 'How many days of holiday an employee has left this year',
          parameters: { type: 'object', properties: { employee: { type: 'string' } }, required: ['employee'] },
        },
      },
    ],
    tool_resources: { file_search: { vector_store_ids: [store.id] } },
  });
  const thread = await client.beta.threads.create({
    messages: [{ role: 'user', content: 'How many days may Ada carry over to next year?' }],
  });

  let run = await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id });
  while (run.status === 'requires_action') {
    const calls = run.required_action?.submit_tool_outputs.tool_calls ?? [];
    const tool_outputs = calls.map((call) => {
      const { employee } = JSON.parse(call.function.arguments) as { employee: string };
      return { tool_call_id: call.id, output: String(daysLeft[employee] ?? 'unknown') };
    });
    run = await client.beta.threads.runs.submitToolOutputsAndPoll(run.id, { thread_id: thread.id, tool_outputs });
  }
  if (run.status !== 'completed') throw new Error(`The run ended as ${run.status}: ${run.last_error?.message}`);

  const [answer] = (await client.beta.threads.messages.list(thread.id, { run_id: run.id })).data;
  const part = answer?.content[0];
  if (part?.type !== 'text') throw new Error('The answer has no text.');
  const cited = part.text.annotations.flatMap((note) =>
    note.type === 'file_citation' ? [note.file_citation.file_id] : [],
  );
  return { answer: part.text.value, cited, file };
}

const suite = contractSuite();

it.each(sdks)('answers from a file and a function, with a citation (%s)', async (sdk) => {
  suite.upstream.enqueue(
    reply.toolCalls([{ name: 'days_left', arguments: { employee: 'Ada' } }]),
    reply.toolCalls([{ name: 'file_search', arguments: { queries: ['holidays carried over to the next year'] } }]),
    reply.default(), // the passage that was found, and its marker
  );
  const { answer, cited, file } = await askAboutHolidays(suite.client(sdk), { Ada: 7 });
  expect(answer).toMatch(/^Employees may carry five days of holiday over to the next year\./);
  expect(cited).toEqual([file.id]);
  const last = suite.upstream.requests.filter(({ kind }) => kind === 'chat').at(-1);
  expect(last?.body.messages).toContainEqual(expect.objectContaining({ role: 'tool', content: '7' }));
});
