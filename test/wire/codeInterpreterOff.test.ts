/** Where CODE_INTERPRETER is off, runs with the tool are refused. */
import { assistantWithThread } from '../support/assistantFixtures';
import { contractSuite } from '../support/contractSuite';

const suite = contractSuite({ CODE_INTERPRETER: 'off' });

it('a run of an assistant with code_interpreter is refused, naming the setting, and leaves no thread locked', async () => {
  const client = suite.client();
  const { assistant, thread } = await assistantWithThread(client, { tools: [{ type: 'code_interpreter' }] });
  for (const call of [
    client.beta.threads.runs.create(thread.id, { assistant_id: assistant.id }),
    client.beta.threads.createAndRun({ assistant_id: assistant.id }),
  ]) {
    await expect(call).rejects.toMatchObject({
      status: 400,
      code: 'unsupported',
      param: 'tools',
      message: expect.stringContaining('CODE_INTERPRETER'),
    });
  }
  await client.beta.threads.messages.create(thread.id, { role: 'user', content: 'Still free.' });
  const run = await client.beta.threads.runs.createAndPoll(
    thread.id,
    { assistant_id: assistant.id, tools: [] },
    { pollIntervalMs: 30 },
  );
  expect(run.status).toBe('completed');
});
