/** The order of a thread's messages where several processes write them. */
import type { createThreads } from '../../src/assistants/threads';
import { openAssistants, says } from '../support/assistants';

type ThreadsModule = { createThreads: typeof createThreads };

/** The module as another process loads it: with its own counter of sort keys. */
function ofAnotherProcess(): ThreadsModule {
  let loaded: ThreadsModule | undefined;
  jest.isolateModules(() => {
    loaded = jest.requireActual<ThreadsModule>('../../src/assistants/threads');
  });
  if (!loaded) throw new Error('The module was not loaded.');
  return loaded;
}

it('puts a message that another process writes behind the answer of the same second', async () => {
  const { scope, threads, advance, start, turns, ports, clock, close } = await openAssistants();
  try {
    clock.now = (Math.floor(clock.now / 1000) + 1) * 1000 + 500;
    turns.push(says('Far.'));
    const { thread, reference } = await start();
    await advance(reference);
    clock.now += 100;
    const { id } = await ofAnotherProcess().createThreads(ports).createMessage(scope, thread.id, {
      role: 'user',
      content: 'How far exactly?',
    });
    const { data } = await threads.listMessages(scope, thread.id, { limit: 1, order: 'desc' });
    expect(data[0]?.id).toBe(id);
  } finally {
    await close();
  }
});

it('puts a message behind the answer, and its run behind the last, where the clock of the instance that takes it is behind', async () => {
  const { scope, threads, runs, advance, start, turns, clock, ports, close } = await openAssistants();
  try {
    turns.push(says('Far.'), says('Very.'));
    const { assistant, thread, reference } = await start();
    await advance(reference);
    clock.now -= 60_000;
    const others = ofAnotherProcess().createThreads(ports);
    await others.createMessage(scope, thread.id, { role: 'user', content: 'How far exactly?' });
    const run = await runs.create(scope, thread.id, {
      assistant_id: assistant.id,
      additional_messages: ['One.', 'Two.'].map((content) => ({ role: 'user' as const, content })),
    });
    await advance({ ...reference, runId: run.id });
    const { data } = await threads.listMessages(scope, thread.id, { limit: 20, order: 'asc' });
    const texts = data.map(({ content: [part] }) => (part?.type === 'text' ? part.text.value : ''));
    expect(texts.slice(1)).toEqual(['Far.', 'How far exactly?', 'One.', 'Two.', 'Very.']);
    expect((await runs.list(scope, thread.id, { limit: 20, order: 'asc' })).data.at(-1)?.id).toBe(run.id);
  } finally {
    await close();
  }
});
