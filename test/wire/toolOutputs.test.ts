/** Tool outputs are taken for exactly the calls that a run waits for, once and in time, with the service's words for anything else. */
import { assistantWithThread, weather } from '../support/assistantFixtures';
import { contractSuite } from '../support/contractSuite';
import { eventually, soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite({ RUN_EXPIRES_SECONDS: '4' });
const client = () => suite.client();
const runs = () => client().beta.threads.runs;

async function waitingRun(...ids: string[]) {
  const { assistant, thread } = await assistantWithThread(client(), { tools: [weather] });
  suite.upstream.enqueue(reply.toolCalls(ids.map((id) => ({ id, name: 'get_weather', arguments: { city: id } }))));
  const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  expect(run.status).toBe('requires_action');
  return { thread, run };
}

const outputs = (...ids: string[]) => ids.map((id) => ({ tool_call_id: id, output: `of ${id}` }));

it.each([
  ['partial', ['call_a'], "['call_a']"],
  ['duplicate', ['call_a', 'call_a'], "['call_a', 'call_a']"],
  ['unknown', ['call_a', 'call_x'], "['call_a', 'call_x']"],
  ['too many', ['call_a', 'call_b', 'call_c'], "['call_a', 'call_b', 'call_c']"],
  ['no', [], '[]'],
])('%s outputs are refused, and the run waits on', async (_kind, ids, got) => {
  const { thread, run } = await waitingRun('call_a', 'call_b');
  const call = runs().submitToolOutputs(run.id, { thread_id: thread.id, tool_outputs: outputs(...ids) });
  await expect(call).rejects.toMatchObject({
    status: 400,
    error: {
      message: `Expected tool outputs for call_ids ['call_a', 'call_b'], got ${got}`,
      type: 'invalid_request_error',
      code: null,
    },
  });
  const done = await runs().submitToolOutputsAndPoll(
    run.id,
    { thread_id: thread.id, tool_outputs: outputs('call_b', 'call_a') },
    soon,
  );
  expect(done.status).toBe('completed');
});

it.each([
  ['hundreds of characters long, as gateways make them that put signatures of thoughts into them', 'x'.repeat(700)],
  ['with a space and letters beyond ASCII', 'Anruf für 1'],
])('outputs are taken by the id that the model service gave the call, %s', async (_kind, id) => {
  const { thread, run } = await waitingRun(id);
  const body = { thread_id: thread.id, tool_outputs: outputs(id) };
  expect((await runs().submitToolOutputsAndPoll(run.id, body, soon)).status).toBe('completed');
});

it('half a character at the end of a cut output reaches no model service: those take only text that can be encoded', async () => {
  const { thread, run } = await waitingRun('call_a');
  const tool_outputs = [{ tool_call_id: 'call_a', output: 'Otters \u{1F9A6}'.slice(0, -1) }];
  const done = await runs().submitToolOutputsAndPoll(run.id, { thread_id: thread.id, tool_outputs }, soon);
  expect(done.status).toBe('completed');
  const last = suite.upstream.requests.at(-1);
  expect(last?.body.messages?.at(-1)).toMatchObject({ role: 'tool', content: 'Otters \u{FFFD}' });
  const [, step] = (await runs().steps.list(run.id, { thread_id: thread.id })).data;
  expect(step?.step_details).toMatchObject({ tool_calls: [{ function: { output: tool_outputs[0]?.output } }] });
});

it('outputs for a run that is over are refused with its status', async () => {
  const { thread, run } = await waitingRun('call_a');
  const body = { thread_id: thread.id, tool_outputs: outputs('call_a') };
  await runs().submitToolOutputsAndPoll(run.id, body, soon);
  await expect(runs().submitToolOutputs(run.id, body)).rejects.toMatchObject({
    error: { message: 'Runs in status "completed" do not accept tool outputs.', type: 'invalid_request_error' },
  });
});

it('outputs that come too late find the run expired, and its step as well', async () => {
  const { thread, run } = await waitingRun('call_a');
  const expired = await eventually('the run expires', async () => {
    const found = await runs().retrieve(run.id, { thread_id: thread.id });
    return found.status === 'expired' ? found : undefined;
  });
  expect(expired).toMatchObject({
    required_action: null,
    expires_at: null,
    last_error: null,
    usage: expect.any(Object),
  });
  const call = runs().submitToolOutputs(run.id, { thread_id: thread.id, tool_outputs: outputs('call_a') });
  await expect(call).rejects.toMatchObject({
    error: { message: 'Runs in status "expired" do not accept tool outputs.' },
  });
  const [step] = (await runs().steps.list(run.id, { thread_id: thread.id })).data;
  expect(step).toMatchObject({ status: 'expired', expired_at: expect.any(Number), completed_at: null });
});
