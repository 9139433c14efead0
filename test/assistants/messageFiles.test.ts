/** Files of messages over real records, with vector stores in memory: races and refusals. */
import type { Records } from '../../src/storage/ports';
import { awaitThreadStore } from '../../src/assistants/threadStore';
import { MAX_REQUEST_IMAGE_BYTES } from '../../src/agentLoop/imageFiles';
import { imagesOf } from '../../src/assistants/messageImages';
import { newMessage } from '../../src/assistants/messages';
import type { IngestionJob } from '../../src/assistants/ports';
import { createRuns } from '../../src/assistants/runs';
import { createThreads } from '../../src/assistants/threads';
import { openAssistants, says } from '../support/assistants';
import { attachables } from '../support/attachables';

let open: Awaited<ReturnType<typeof openAssistants>>;
beforeEach(async () => {
  open = await openAssistants();
  for (const id of ['file-1', 'file-2']) open.attached.files.set(id, Buffer.from('x'));
});
afterEach(async () => {
  await open.close();
});

const attaching = (id: string) => ({
  role: 'user' as const,
  content: 'x',
  attachments: [{ file_id: id, tools: [{ type: 'file_search' as const }] }],
});
const searching = { tools: [{ type: 'file_search' as const }] };

it('a message that loses the race for the store removes its own and adds its file to the other', async () => {
  const { threads, scope, attached } = open;
  const { id } = await threads.create(scope, {});
  // The loser has made its store when the winner comes in between.
  let between: (() => Promise<unknown>) | undefined = async () => threads.createMessage(scope, id, attaching('file-2'));
  const slow: Records = {
    ...open.records,
    get: open.records.get.bind(open.records),
    list: open.records.list.bind(open.records),
    async write(...change) {
      const come = between;
      between = undefined;
      await come?.();
      return open.records.write(...change);
    },
  };
  const begun: IngestionJob[] = [];
  await createThreads({ ...open.ports, records: slow }).createMessage(scope, id, attaching('file-1'), async (job) => {
    begun.push(job);
    return Promise.resolve();
  });
  const stores = [...attached.stores];
  expect(stores).toEqual([[expect.any(String), ['file-2', 'file-1']]]);
  const { tool_resources } = await threads.get(scope, id);
  expect(tool_resources.file_search).toEqual({ vector_store_ids: [stores[0]?.[0]] });
  expect(begun.map(({ storeId }) => storeId)).toEqual([stores[0]?.[0]]);
});

it('a message that is refused leaves no store', async () => {
  const { threads, scope, attached } = open;
  const { thread } = await open.start();
  await expect(threads.createMessage(scope, thread.id, attaching('file-1'))).rejects.toThrow("Can't add messages");
  await expect(threads.createMessage(scope, 'thread_nothing', attaching('file-1'))).rejects.toThrow('No thread found');
  expect([...attached.stores]).toEqual([]);
});

it('a file that is attached twice for both tools joins each once', async () => {
  const { threads, scope, attached } = open;
  const both = [{ type: 'file_search' as const }, { type: 'code_interpreter' as const }];
  const attachment = { file_id: 'file-1', tools: both };
  const thread = await threads.create(scope, {
    messages: [{ role: 'user', content: 'x', attachments: [attachment, attachment] }],
  });
  expect(thread.tool_resources.code_interpreter).toEqual({ file_ids: ['file-1'] });
  expect([...attached.stores.values()]).toEqual([['file-1']]);
});

describe('a run on a thread whose store is being filled', () => {
  const started = async () => {
    const { threads, runs, scope, assistants, attached } = open;
    const assistant = await assistants.create(scope, { model: 'model', ...searching });
    const thread = await threads.create(scope, { messages: [attaching('file-1')] });
    const [store = ''] = attached.stores.keys();
    attached.busy.add(store);
    const run = await runs.create(scope, thread.id, { assistant_id: assistant.id });
    return { run, store, reference: { scope, threadId: thread.id, runId: run.id } };
  };

  it('calls the model when the store is ready, not before', async () => {
    const { reference, store } = await started();
    open.turns.push(says('Done.'));
    const looked = Promise.withResolvers<undefined>();
    const { noteUse } = open.attached.storePort;
    let looks = 0;
    open.ports.vectorStores = {
      ...open.attached.storePort,
      async noteUse(...of) {
        looks += 1;
        if (looks === 3) looked.resolve(undefined);
        return noteUse(...of);
      },
    };
    const advancing = open.advance(reference);
    await looked.promise;
    expect(open.requests).toEqual([]);
    open.attached.busy.delete(store);
    expect((await advancing)?.run.status).toBe('completed');
    expect(open.requests).toHaveLength(1);
  });

  it('goes on without it 60 seconds after its start', async () => {
    const { reference } = await started();
    open.turns.push(says('Done.'));
    const { noteUse } = open.attached.storePort;
    open.ports.vectorStores = {
      ...open.attached.storePort,
      async noteUse(...of) {
        open.clock.now += 59_000;
        return noteUse(...of);
      },
    };
    expect((await open.advance(reference))?.run.status).toBe('completed');
    expect(open.attached.uses).toHaveLength(2);
  });

  it('counts as a use of every store that it has, also of one that it neither waits for nor searches', async () => {
    const { reference, run, store } = await started();
    open.attached.busy.clear();
    const tool_resources = { file_search: { vector_store_ids: [store, 'vs_of_assistant'] } };
    open.attached.busy.add('vs_of_assistant');
    const { signal } = new AbortController();
    await awaitThreadStore(open.ports, reference, { ...run, tool_resources }, signal);
    expect(open.attached.uses).toEqual([store, 'vs_of_assistant']);
  });

  it('waits for no store where it has no file_search, and stops waiting when it is told to', async () => {
    const { reference, run } = await started();
    const signal = AbortSignal.timeout(1);
    await awaitThreadStore(open.ports, reference, { ...run, tools: [] }, signal);
    await expect(awaitThreadStore(open.ports, reference, run, signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('images of messages', () => {
  const scope = { tenant: 'team', project: '-' };
  const image = (id: string) =>
    newMessage({ role: 'user', content: [{ type: 'image_file', image_file: { file_id: id } }] }, 'thread_1', 0, '');
  const signatures: [string, Buffer][] = [
    ['image/png', Buffer.from('\x89PNG\r\n\x1a\n....', 'latin1')],
    ['image/jpeg', Buffer.from('\xff\xd8\xff\xe0.........', 'latin1')],
    ['image/gif', Buffer.from('GIF89a.......', 'latin1')],
    ['image/webp', Buffer.from('RIFF\n\0\0\0WEBPVP8 ', 'latin1')],
  ];

  it.each(signatures)('%s is told by its bytes', async (mediaType, bytes) => {
    const { files, filePort } = attachables();
    files.set('file-1', bytes);
    const message = await imagesOf(filePort, scope)(image('file-1'));
    const url = `data:${mediaType};base64,${bytes.toString('base64')}`;
    expect(message.content).toEqual([{ type: 'image_url', image_url: { url } }]);
  });

  it('past the bytes of one request are left out, the oldest first, and it is said', async () => {
    const { files, filePort } = attachables();
    const big = Buffer.alloc(MAX_REQUEST_IMAGE_BYTES / 2);
    signatures[0]?.[1].copy(big);
    for (const id of ['file-1', 'file-2', 'file-3']) files.set(id, big);
    const withImages = imagesOf(filePort, scope);
    const shown = [];
    for (const id of ['file-3', 'file-2', 'file-1']) shown.push(await withImages(image(id)));
    expect(shown.map(({ content: [part] }) => part?.type)).toEqual(['image_url', 'image_url', 'text']);
    expect(shown[2]?.content[0]).toMatchObject({ text: { value: expect.stringContaining('file-1 is left out') } });
  });

  it('count as much in the data of their URL, so that no thread fills the memory or the request', async () => {
    const { threads, runs, assistants, scope, requests, turns, advance } = open;
    const url = `data:image/png;base64,${'A'.repeat(1_500_000)}`;
    const { id } = await threads.create(scope, { messages: [{ role: 'user', content: 'the first' }] });
    const all = Math.ceil(MAX_REQUEST_IMAGE_BYTES / url.length) + 3;
    for (let number = 0; number < all; number += 1) {
      const content = [
        { type: 'text' as const, text: `picture ${number}` },
        { type: 'image_url' as const, image_url: { url } },
      ];
      await threads.createMessage(scope, id, { role: 'user', content });
    }
    const { id: assistant_id } = await assistants.create(scope, { model: 'model' });
    const run = await runs.create(scope, id, { assistant_id });
    turns.push(says('Many.'));
    await advance({ scope, threadId: id, runId: run.id });
    const { messages = [] } = requests[0] ?? {};
    const sent = messages.map(({ content }) => JSON.stringify(content));
    expect(sent).toHaveLength(all + 1);
    const bytes = sent.reduce((sum, content) => sum + content.length, 0);
    expect(bytes).toBeGreaterThan(MAX_REQUEST_IMAGE_BYTES - url.length);
    expect(bytes).toBeLessThan(MAX_REQUEST_IMAGE_BYTES + url.length);
    expect(sent[1]).toContain('picture 0');
    expect(sent[1]).toContain('An image is left out');
    expect(sent.at(-1)).toContain(url);
  });
});

describe('files of the older form', () => {
  const bringing = (...file_ids: string[]) => ({ role: 'user' as const, content: 'x', file_ids });

  it('join the store with the first run that searches, also those that come while that run is being made', async () => {
    const { threads, assistants, scope, attached, ports } = open;
    const { id: assistant_id } = await assistants.create(scope, { model: 'model', ...searching });
    const { id } = await threads.create(scope, { messages: [bringing('file-1')] });
    expect(attached.stores.size).toBe(0);
    let between: (() => Promise<unknown>) | undefined = async () =>
      threads.createMessage(scope, id, bringing('file-2', 'file-1'));
    const slow: Records = {
      ...open.records,
      get: open.records.get.bind(open.records),
      async write(...change) {
        const come = between;
        between = undefined;
        await come?.();
        return open.records.write(...change);
      },
    };
    const run = await createRuns({ ...ports, records: slow }, assistants, threads).create(scope, id, { assistant_id });
    expect([...attached.stores.values()]).toEqual([['file-1', 'file-2']]);
    expect(run.tool_resources).toEqual({
      code_interpreter: { file_ids: ['file-1', 'file-2'] },
      file_search: { vector_store_ids: [...attached.stores.keys()] },
    });
    const found = (await threads.get(scope, id)).tool_resources;
    expect(found).toEqual({ file_search: { vector_store_ids: [...attached.stores.keys()] } });
  });

  it('are no more than 500 in a thread', async () => {
    const { threads, scope, attached } = open;
    const ids = Array.from({ length: 501 }, (_, n) => `file-${n}`);
    for (const id of ids) attached.files.set(id, Buffer.from('x'));
    const { id } = await threads.create(scope, { messages: [bringing(...ids.slice(0, 500))] });
    const call = threads.createMessage(scope, id, bringing('file-0', 'file-500'));
    await expect(call).rejects.toMatchObject({ status: 400, details: { param: 'file_ids' } });
    await threads.createMessage(scope, id, bringing('file-0'));
  });
});
