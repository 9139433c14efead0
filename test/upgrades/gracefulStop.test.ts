/** A host that is stopped as a deployment stops it: what it cannot finish in its time of grace it hands over, and loses nothing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assistantWithThread, textOf } from '../support/assistantFixtures';
import { startHost, type Host } from '../support/host';
import { eventually, soon } from '../support/polling';
import { reply, startScriptedUpstream } from '../support/scriptedUpstream';

it('hands over what it was at, which the next host finishes at once: a stream, a run, a response in the background and a batch', async () => {
  const upstream = await startScriptedUpstream();
  const dataDir = await mkdtemp(join(tmpdir(), 'graceful-'));
  const start = async (): Promise<Host> =>
    startHost({ dataDir, env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
  let host = await start();
  try {
    const { beta, vectorStores, files, responses } = host.openai();
    upstream.enqueue(reply.hang());
    const polled = await assistantWithThread(host.openai());
    const polledRun = await beta.threads.runs.create(polled.thread.id, { assistant_id: polled.assistant.id });
    await upstream.until(() => upstream.calls.chat === 1);

    upstream.enqueue(reply.hang());
    const response = await responses.create({ model: 'gpt-4.1', input: 'Where?', background: true });
    await upstream.until(() => upstream.calls.chat === 2);

    upstream.enqueueEmbeddings(reply.hang());
    const store = await vectorStores.create({});
    const file = await files.create({ file: new File(['Otters swim.'], 'otters.txt'), purpose: 'assistants' });
    const batch = await vectorStores.fileBatches.create(store.id, { file_ids: [file.id] });
    await upstream.until(() => upstream.calls.embeddings === 1);

    upstream.enqueue(reply.stallAfter(3, reply.text('Otters sleep afloat.', { chunks: 10 })));
    const streamed = await assistantWithThread(host.openai());
    const seen: string[] = [];
    const ids: Record<string, string> = {};
    const stream = await beta.threads.runs.create(streamed.thread.id, {
      assistant_id: streamed.assistant.id,
      stream: true,
    });
    const watching = (async () => {
      for await (const { event, data } of stream) {
        seen.push(event);
        if (event === 'thread.run.created') ids.run = data.id;
        if (event === 'thread.message.created') ids.message = data.id;
      }
    })();
    const told = expect(watching).rejects.toThrow(/is being stopped.*goes on/);
    await eventually('the first delta', async () =>
      Promise.resolve(seen.includes('thread.message.delta') || undefined),
    );

    const stopping = host.terminate();
    await told;
    expect(await stopping).toBe(0);
    host = await start();
    const began = Date.now();
    const client = host.openai();
    const end = async (threadId: string, runId: string) =>
      client.beta.threads.runs.poll(runId, { thread_id: threadId }, soon);
    expect(await end(polled.thread.id, polledRun.id)).toMatchObject({ status: 'completed', last_error: null });
    expect(await end(streamed.thread.id, ids.run ?? '')).toMatchObject({ status: 'completed', last_error: null });
    expect(await client.vectorStores.fileBatches.poll(store.id, batch.id, soon)).toMatchObject({ status: 'completed' });
    await eventually('the end of the response', async () => {
      const { status } = await client.responses.retrieve(response.id);
      return status === 'completed' || undefined;
    });
    // No lease of the host that has ended is waited for.
    expect(Date.now() - began).toBeLessThan(8_000);
    const { data } = await client.beta.threads.messages.list(streamed.thread.id);
    expect(data.map(({ id, role }) => [id, role])).toEqual([
      [ids.message, 'assistant'],
      [expect.any(String), 'user'],
    ]);
    expect(textOf(data[0]).value).toBe('You said: Where do otters sleep?');
  } finally {
    await host.kill();
    await upstream.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}, 90_000);
