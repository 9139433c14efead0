/** An answer in the form that a JSON schema describes. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

const schema = {
  type: 'object',
  properties: { name: { type: 'string' }, born: { type: 'integer' } },
  required: ['name', 'born'],
  additionalProperties: false,
};

/** Takes facts out of a text. */
async function factsOf(client: OpenAI, text: string): Promise<{ name: string; born: number }> {
  const assistant = await client.beta.assistants.create({
    model: 'gpt-4.1',
    instructions: 'Take the facts out of what you are given.',
    response_format: { type: 'json_schema', json_schema: { name: 'person', schema, strict: true } },
  });
  const run = await client.beta.threads.createAndRunPoll({
    assistant_id: assistant.id,
    thread: { messages: [{ role: 'user', content: text }] },
  });
  const [answer] = (await client.beta.threads.messages.list(run.thread_id, { run_id: run.id })).data;
  const part = answer?.content[0];
  if (part?.type !== 'text') throw new Error(`The run ended as ${run.status}.`);
  return JSON.parse(part.text.value) as { name: string; born: number };
}

const suite = contractSuite();

it.each(sdks)('hands the schema to the model and its JSON back as it is (%s)', async (sdk) => {
  suite.upstream.enqueue(reply.text('{"name":"Ada Lovelace","born":1815}'));
  const facts = await factsOf(suite.client(sdk), 'Ada Lovelace was born in 1815.');
  expect(facts).toEqual({ name: 'Ada Lovelace', born: 1815 });
  expect(suite.upstream.requests.at(-1)?.body.response_format).toEqual({
    type: 'json_schema',
    json_schema: { name: 'person', schema, strict: true },
  });
});
