import { advanceRun } from '../../src/assistants/advanceRun';
import { calls, openAssistants, says } from '../support/assistants';

const tools = [{ type: 'function' as const, function: { name: 'get_weather' } }];

it('leaves a run whose outputs were submitted for a stream to that stream, until its lease is over', async () => {
  const open = await openAssistants();
  try {
    const { reference } = await open.start({ tools });
    open.turns.push(calls({ id: 'call_1', name: 'get_weather', arguments: '{}' }), says('Fine.'));
    await open.advance(reference);
    await open.runs.submitToolOutputs(reference, [{ tool_call_id: 'call_1', output: 'sun' }], 'the stream');
    const orchestrated = await open.advance(reference);
    expect(orchestrated).toMatchObject({ run: { status: 'queued' }, busyUntil: open.clock.now + 10_000 });
    const streamed = await advanceRun(open.ports, reference, undefined, 'the stream');
    expect(streamed?.run.status).toBe('completed');
    expect(open.requests).toHaveLength(2);
  } finally {
    await open.close();
  }
});

it('takes over a run whose stream never came to drive it', async () => {
  const open = await openAssistants();
  try {
    const { reference } = await open.start({ tools });
    open.turns.push(calls({ id: 'call_1', name: 'get_weather', arguments: '{}' }), says('Fine.'));
    await open.advance(reference);
    await open.runs.submitToolOutputs(reference, [{ tool_call_id: 'call_1', output: 'sun' }], 'the stream');
    open.clock.now += 10_001;
    expect((await open.advance(reference))?.run.status).toBe('completed');
  } finally {
    await open.close();
  }
});
