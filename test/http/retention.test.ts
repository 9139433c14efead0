/** RETENTION_DAYS, over hosts whose clocks are weeks apart. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { openBlobs, openRecords, openVectors } from '../support/storage';
import { eventually, soon } from '../support/polling';
import { startHost, type Host } from '../support/host';

/** A host on these data whose clock is so many days ahead. */
const hostLater = async (dataDir: string, days: number, env: Record<string, string> = {}): Promise<Host> =>
  startHost({
    dataDir,
    env: {
      AUDIT: 'storage',
      DAYS_LATER: String(days),
      NODE_OPTIONS: `--require ${join(__dirname, '..', 'support', 'laterClock.cjs').replace(/([\\/])dist[\\/]test/, '$1test')}`,
      ...env,
    },
  });

/** One of everything that retention concerns. */
async function make(openai: OpenAI) {
  const thread = await openai.beta.threads.create({ messages: [{ role: 'user', content: 'Whales?' }] });
  const assistant = await openai.beta.assistants.create({ model: 'local-extractive' });
  const run = await openai.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  const loose = await openai.files.create({ file: await toFile(Buffer.from('loose'), 'a.txt'), purpose: 'assistants' });
  const store = await openai.vectorStores.create({});
  const filed = await openai.files.create({
    file: await toFile(Buffer.from('whales sing'), 'b.txt'),
    purpose: 'assistants',
  });
  await openai.vectorStores.files.createAndPoll(store.id, { file_id: filed.id }, soon);
  const long = 'x'.repeat(100_000);
  const response = await openai.responses.create({ model: 'local-extractive', input: long });
  const conversation = await openai.conversations.create({
    items: [{ type: 'message', role: 'user', content: long }],
  });
  const container = await openai.containers.create({ name: 'work', file_ids: [loose.id] });
  return {
    container: container.id,
    assistant: assistant.id,
    thread: thread.id,
    run: run.id,
    loose: loose.id,
    filed: filed.id,
    store: store.id,
    response: response.id,
    conversation: conversation.id,
  };
}
type Made = Awaited<ReturnType<typeof make>>;

/** Uses each of what can be used. */
async function use(openai: OpenAI, made: Made): Promise<void> {
  await openai.beta.threads.messages.create(made.thread, { role: 'user', content: 'More?' });
  await openai.vectorStores.search(made.store, { query: 'whales' });
  await openai.responses.create({ model: 'local-extractive', input: 'More?', previous_response_id: made.response });
  await openai.conversations.items.create(made.conversation, {
    items: [{ type: 'message', role: 'user', content: 'More?' }],
  });
}

/** Which of the objects are there. */
async function there(openai: OpenAI, made: Made): Promise<string[]> {
  const looks: Record<keyof Made, () => Promise<unknown>> = {
    assistant: () => openai.beta.assistants.retrieve(made.assistant),
    thread: () => openai.beta.threads.retrieve(made.thread),
    run: () => openai.beta.threads.runs.retrieve(made.run, { thread_id: made.thread }),
    loose: () => openai.files.retrieve(made.loose),
    filed: () => openai.files.retrieve(made.filed),
    store: () => openai.vectorStores.retrieve(made.store),
    response: () => openai.responses.retrieve(made.response),
    conversation: () => openai.conversations.retrieve(made.conversation),
    container: () => openai.containers.retrieve(made.container),
  };
  const found: string[] = [];
  for (const [name, look] of Object.entries(looks)) {
    try {
      await look();
      found.push(name);
    } catch (error) {
      if (!(error instanceof OpenAI.APIError) || error.status !== 404) throw error;
    }
  }
  return found;
}

it('removes what a tenant has not used for its days, also what was there before the setting, and nothing else', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'retention-'));
  const first = await hostLater(dataDir, 0);
  const [old, used] = [await make(first.openai()), await make(first.openai())];
  const others = await make(first.openai('beta'));
  await first.kill();
  const second = await hostLater(dataDir, 20);
  await use(second.openai(), used);
  await second.kill();
  const third = await hostLater(dataDir, 40, { RETENTION_DAYS: 'alpha:30' });
  try {
    const all = ['assistant', 'thread', 'run', 'loose', 'filed', 'store', 'response', 'conversation', 'container'];
    await eventually('what is old is gone', async () => {
      const left = await there(third.openai(), old);
      return left.length === 1 && left[0] === 'assistant' ? true : undefined;
    });
    // A container that nobody used for some minutes is not used again.
    expect(await there(third.openai(), used)).toEqual(all.filter((name) => !['loose', 'container'].includes(name)));
    expect(await there(third.openai('beta'), others)).toEqual(all);
    expect((await third.openai().files.list()).data.map(({ id }) => id)).toEqual([used.filed]);
    const found = await third.openai().vectorStores.search(used.store, { query: 'whales' });
    expect(found.data).toHaveLength(1);
  } finally {
    await third.kill();
  }
  const [records, blobs, index] = [await openRecords(dataDir), await openBlobs(dataDir), await openVectors(dataDir)];
  expect(await index.count({ tenant: 'alpha', id: old.store })).toBe(0);
  expect(await blobs.info(`files/alpha/-/${old.loose}`)).toBeUndefined();
  expect(await blobs.deleteBelow(`responses/alpha/-/${old.response.slice(5, 29)}`)).toBe(0);
  expect(await blobs.deleteBelow(`responses/alpha/-/${used.response.slice(5, 29)}`)).toBe(1);
  expect(await blobs.deleteBelow(`conversations/alpha/-/${old.conversation.slice(5)}`)).toBe(0);
  expect(await blobs.deleteBelow(`conversations/alpha/-/${used.conversation.slice(5)}`)).toBe(1);
  const days = async (tenant: string) => (await records.partitions(`${tenant}/-/audit/`, { limit: 10 })).length;
  expect([await days('alpha'), await days('beta')]).toEqual([1, 1]);
  await records.close();
  await index.close();
  await third.stop();
}, 120_000);
