/** What many contract tests begin with. */
import type OpenAI from 'openai';
import { soon } from './polling';

export const weather: OpenAI.Beta.AssistantTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

/** A new assistant and a new thread with one question. */
export async function assistantWithThread(
  client: OpenAI,
  settings: Partial<OpenAI.Beta.AssistantCreateParams> = {},
  question = 'Where do otters sleep?',
) {
  const assistant = await client.beta.assistants.create({ model: 'gpt-4.1', ...settings });
  const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: question }] });
  return { assistant, thread };
}

export const OTTERS = 'Otters sleep afloat in the water. They hold hands so that they do not drift apart.';

/** A vector store with one ingested file of that text. */
export async function storeWithFile(client: OpenAI, text = OTTERS, filename = 'otters.txt') {
  const store = await client.vectorStores.create({ name: filename });
  const file = await client.vectorStores.files.uploadAndPoll(store.id, new File([text], filename), soon);
  return { store, file };
}

/** The text of the message's first part. */
export function textOf(message: OpenAI.Beta.Threads.Message | undefined) {
  const [part] = message?.content ?? [];
  if (part?.type !== 'text') throw new Error(`The message begins with no text: ${JSON.stringify(message)}`);
  return part.text;
}
