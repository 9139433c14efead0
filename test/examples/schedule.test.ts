/** A question that is asked again and again without anybody there. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

interface Schedule {
  id: string;
  last_run: { id: string; thread_id: string } | null;
}

/** Asks for the news on one thread every second, until there are so many answers; the answers. */
async function newsOf(client: OpenAI, count: number): Promise<string[]> {
  const { assistants, threads } = client.beta;
  const assistant = await assistants.create({ model: 'gpt-4.1' });
  const thread = await threads.create();
  // The SDK has no methods for schedules, so its general ones are used.
  const schedule = await client.post<Schedule>('/schedules', {
    body: {
      cron: '* * * * * *',
      time_zone: 'Europe/Warsaw',
      thread_id: thread.id,
      run: { assistant_id: assistant.id, additional_messages: [{ role: 'user', content: 'What is new?' }] },
    },
  });
  for (;;) {
    const answers = (await threads.messages.list(thread.id, { order: 'asc' })).data
      .filter(({ role, status }) => role === 'assistant' && status === 'completed')
      .flatMap(({ content }) => content.flatMap((part) => (part.type === 'text' ? [part.text.value] : [])));
    if (answers.length >= count) {
      await client.delete(`/schedules/${schedule.id}`);
      return answers.slice(0, count);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const suite = contractSuite();

it.each(sdks)(
  'asks at each tick, on one thread (%s)',
  async (sdk) => {
    suite.upstream.enqueue(reply.text('An otter was seen.'), reply.text('It swam away.'));
    expect(await newsOf(suite.client(sdk), 2)).toEqual(['An otter was seen.', 'It swam away.']);
  },
  60_000,
);
