/** A long conversation of which the model sees the end only. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

/** Asks one question after the other on a thread; each run sees its question and the exchange before it. */
async function chat(client: OpenAI, questions: string[]): Promise<string[]> {
  const { threads, assistants } = client.beta;
  const assistant = await assistants.create({ model: 'gpt-4.1' });
  const thread = await threads.create();
  for (const content of questions) {
    const run = await threads.runs.createAndPoll(thread.id, {
      assistant_id: assistant.id,
      additional_messages: [{ role: 'user', content }],
      truncation_strategy: { type: 'last_messages', last_messages: 3 },
    });
    if (run.status !== 'completed') throw new Error(`The run ended as ${run.status}.`);
  }
  const texts: string[] = [];
  for await (const { content } of threads.messages.list(thread.id, { order: 'asc', limit: 2 }))
    for (const part of content) if (part.type === 'text') texts.push(part.text.value);
  return texts;
}

const suite = contractSuite();

it.each(sdks)('shows the model the last messages and keeps all of them (%s)', async (sdk) => {
  suite.upstream.enqueue(...['one.', 'two.', 'three.'].map((text) => reply.text(text)));
  const texts = await chat(suite.client(sdk), ['One?', 'Two?', 'Three?']);
  expect(texts).toEqual(['One?', 'one.', 'Two?', 'two.', 'Three?', 'three.']);
  const seen = suite.upstream.requests.map(({ body }) => body.messages?.map(({ content }) => content));
  expect(seen).toEqual([['One?'], ['One?', 'one.', 'Two?'], ['Two?', 'two.', 'Three?']]);
});
