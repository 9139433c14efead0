/** A question about a picture that the model fetches by its URL. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

async function describePicture(client: OpenAI, url: string, question: string): Promise<string> {
  const assistant = await client.beta.assistants.create({ model: 'gpt-4.1' });
  const thread = await client.beta.threads.create({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: question },
          { type: 'image_url', image_url: { url, detail: 'low' } },
        ],
      },
    ],
  });
  const run = await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id });
  const [answer] = (await client.beta.threads.messages.list(thread.id, { run_id: run.id })).data;
  const part = answer?.content[0];
  if (part?.type !== 'text') throw new Error(`The run ended as ${run.status}.`);
  return part.text.value;
}

const suite = contractSuite();

it.each(sdks)('hands the picture to the model beside the question (%s)', async (sdk) => {
  suite.upstream.enqueue(reply.text('An otter, afloat.'));
  const answer = await describePicture(suite.client(sdk), 'https://example.com/otter.png', 'What is this?');
  expect(answer).toBe('An otter, afloat.');
  const [message] = suite.upstream.requests.at(-1)?.body.messages ?? [];
  expect(message).toEqual({
    role: 'user',
    content: [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: 'https://example.com/otter.png', detail: 'low' } },
    ],
  });
});
