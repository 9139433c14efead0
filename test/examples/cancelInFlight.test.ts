/** A run that is cancelled while the model writes. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

/** Reads an answer until there is enough of it, and stops the run then; how it ended, and what was written. */
async function readSome(client: OpenAI, characters: number) {
  const { threads, assistants } = client.beta;
  const assistant = await assistants.create({ model: 'gpt-4.1' });
  const thread = await threads.create({ messages: [{ role: 'user', content: 'Tell me a very long story.' }] });
  let cancelling: Promise<unknown> | undefined;
  const stream = threads.runs.stream(thread.id, { assistant_id: assistant.id });
  stream.on('textDelta', (_delta, snapshot) => {
    const run = stream.currentRun();
    if (run && snapshot.value.length >= characters)
      cancelling ??= threads.runs.cancel(run.id, { thread_id: thread.id });
  });
  const { status, id } = await stream.finalRun();
  await cancelling;
  const [message] = (await threads.messages.list(thread.id, { run_id: id })).data;
  const part = message?.content[0];
  // The thread is free for the next question at once.
  await threads.messages.create(thread.id, { role: 'user', content: 'Thank you, that is enough.' });
  return { status, reason: message?.incomplete_details?.reason, text: part?.type === 'text' ? part.text.value : '' };
}

const suite = contractSuite();

it.each(sdks)('stops the model, keeps what was written, and frees the thread (%s)', async (sdk) => {
  // The model never comes to its end.
  suite.upstream.enqueue(
    reply.stallAfter(4, reply.text('Once upon a time there was an otter. '.repeat(4), { chunks: 8 })),
  );
  const { status, reason, text } = await readSome(suite.client(sdk), 30);
  expect({ status, reason }).toEqual({ status: 'cancelled', reason: 'run_cancelled' });
  expect(text).toMatch(/^Once upon a time there was an otter\./);
  await suite.upstream.until(() => suite.upstream.abandoned === 1);
});
