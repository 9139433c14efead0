/** What becomes of a message that a crashed owner began, when the model's repeated answer is another. */
import { calls, openAssistants, says } from '../support/assistants';

let open: Awaited<ReturnType<typeof openAssistants>>;
beforeEach(async () => {
  open = await openAssistants();
});
afterEach(async () => {
  await open.close();
});

async function textsOf(threadId: string) {
  const { data } = await open.threads.listMessages(open.scope, threadId, { order: 'asc', limit: 20 });
  return data.map(({ content: [part] }) => (part?.type === 'text' ? part.text.value : undefined));
}

it.each(['get_weather', 'code_interpreter'])(
  'takes back a message that a crashed owner began where the model calls %s first this time',
  async (name) => {
    const weather = { type: 'function' as const, function: { name: 'get_weather' } };
    const { reference, thread } = await open.start({ tools: [weather, { type: 'code_interpreter' }] });
    open.codeResults.push({ logs: '1', images: [], files: [] });
    open.turns.push(
      async function* () {
        yield { type: 'text', text: 'Half' };
        open.clock.now += 11_000;
        await open.advance(reference);
        yield { type: 'finish', reason: 'stop' };
      },
      calls({ id: 'call_1', name, arguments: '{"code":"1"}' }),
      says('Whole.'),
    );
    await open.advance(reference, () => Promise.resolve());
    if (name === 'get_weather') {
      expect(await textsOf(thread.id)).toEqual(['How far is the moon?']);
      await open.runs.submitToolOutputs(reference, [{ tool_call_id: 'call_1', output: 'mild' }]);
      await open.advance(reference);
    }
    expect((await open.runs.get(reference)).status).toBe('completed');
    expect(await textsOf(thread.id)).toEqual(['How far is the moon?', 'Whole.']);
    const steps = await open.runs.listSteps(reference, { order: 'asc', limit: 20 }, false);
    expect(steps.data.map(({ type, status }) => [type, status])).toEqual([
      ['tool_calls', 'completed'],
      ['message_creation', 'completed'],
    ]);
  },
);
