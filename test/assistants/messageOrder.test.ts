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
