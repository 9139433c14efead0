/** What must be so of each run of the load, whatever became of the hosts. */
import type OpenAI from 'openai';
import { textsOf, type LoadClient } from './crashLoad';

/** What is wrong with the client's run as it is now and as the client saw it. */
export async function faultsOf({ plan, seen, threadId, runId }: LoadClient, openai: OpenAI): Promise<string[]> {
  const { runs, messages } = openai.beta.threads;
  const faults: string[] = [];
  const check = (isRight: boolean, what: string, found: unknown): void => {
    if (!isRight) faults.push(`${plan.name} (${plan.turns.join(', ')}): ${what}: ${JSON.stringify(found)}`);
  };
  const listed = (await runs.list(threadId)).data;
  const run = await runs.retrieve(runId, { thread_id: threadId });
  const steps = (await runs.steps.list(runId, { thread_id: threadId, order: 'asc', limit: 100 })).data;
  const written = (await messages.list(threadId, { run_id: runId, order: 'asc', limit: 100 })).data;
  const texts = written.map(({ content: [part] }) => (part?.type === 'text' ? part.text.value : undefined));

  check(listed.length === 1, 'the thread has one run', listed.length);
  check(run.status === 'completed' || (plan.cancelled && run.status === 'cancelled'), 'it ended well', run);
  check([...seen.statuses].join() === run.status, 'it had one terminal status', [...seen.statuses]);
  check(seen.ends <= 1, 'its end was streamed once', seen.ends);
  check(seen.askedAgain.length === 0, 'outputs that were taken are not asked for again', seen.askedAgain);
  const tasks = [...seen.asked.values()];
  check(new Set(tasks).size === tasks.length, 'a call is handed out once', tasks);
  const named = steps.flatMap(({ step_details: details }) =>
    details.type === 'message_creation' ? [details.message_creation.message_id] : [],
  );
  const ids = written.map(({ id }) => id);
  check(named.join() === ids.join(), 'each step that writes has its message', { named, ids });
  check(!steps.some(({ status }) => status === 'in_progress'), 'no step is left open', steps);
  if (run.status === 'completed') {
    check(texts.join() === textsOf(plan).join(), 'it says what the model said, once', texts);
    const toolSteps = steps.filter(({ type, status }) => type === 'tool_calls' && status === 'completed').length;
    check(toolSteps === plan.turns.length - 1, 'each tool turn is one step', toolSteps);
    const functionTurns = plan.turns.filter((turn) => turn.includes('functions')).length;
    check(seen.asked.size === functionTurns, 'each function turn was handed out once', tasks);
  }
  const free = await messages.create(threadId, { role: 'user', content: 'Thanks.' }).catch(String);
  check(typeof free !== 'string', 'the thread is free', free);
  return faults;
}
