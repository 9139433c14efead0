/**
 * Makes the fixture of a release: starts the host of a built package, makes one of everything over HTTP, kills the host while runs and a batch are under way, and
 * keeps what it left behind. `node dist/test/upgrades/makeRelease.js ../the-release 0.1.0`: from this package, for the one in that folder.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type OpenAI from 'openai';
import { eventually, soon } from '../support/polling';
import { schedulesOf } from '../support/scheduleClient';
import { syncsOf } from './syncClient';
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { dumpRelease, type Shown } from './releaseFixture';
import { modelSettings } from './modelSettings';

/** So many that the batch has two groups. */
const BATCH_FILES = 66;
const DOT = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const OTTERS = 'Otters sleep afloat in the water. They hold hands so that they do not drift apart.';
/** At the turn of the year. */
const YEARLY = '0 0 1 1 *';

const lookUp: OpenAI.Beta.AssistantTool = {
  type: 'function',
  function: { name: 'look_up', parameters: { type: 'object', properties: { word: { type: 'string' } } } },
};

class Maker {
  readonly ids: Record<string, string> = {};
  readonly paths: string[] = [];

  constructor(
    private readonly client: OpenAI,
    private readonly upstream: ScriptedUpstream,
  ) {}

  async make(): Promise<void> {
    await this.filesAndStores();
    await this.assistants();
    await this.completedRun();
    await this.endedRuns();
    await this.extensions();
    await this.waitingRun();
    // Last, since their ingestion and their models hang from then on.
    await this.runsUnderWay();
    await this.batchUnderWay();
  }

  private keep(name: string, id: string, ...paths: string[]): string {
    this.ids[name] = id;
    this.paths.push(...paths);
    return id;
  }

  private id(name: string): string {
    const id = this.ids[name];
    if (id === undefined) throw new Error(`There is no ${name} yet.`);
    return id;
  }

  private async upload(name: string, content: string | Buffer, filename: string, purpose: OpenAI.FilePurpose) {
    const { id } = await this.client.files.create({
      file: new File([new Uint8Array(Buffer.from(content))], filename),
      purpose,
    });
    return this.keep(name, id, `/files/${id}`);
  }

  private async filesAndStores(): Promise<void> {
    const { vectorStores } = this.client;
    const text = await this.upload('textFile', OTTERS, 'otters.txt', 'assistants');
    const broken = await this.upload('brokenFile', 'no document', 'broken.pdf', 'assistants');
    await this.upload('tableFile', 'animal,legs\notter,4\n', 'animals.csv', 'assistants');
    await this.upload('pictureFile', Buffer.from(DOT, 'base64'), 'dot.png', 'vision');
    const store = await vectorStores.create({
      name: 'Animals',
      metadata: { of: 'the release' },
      expires_after: { anchor: 'last_active_at', days: 7 },
    });
    this.keep('store', store.id, `/vector_stores/${store.id}`, `/vector_stores/${store.id}/files`);
    const chunking_strategy = {
      type: 'static',
      static: { max_chunk_size_tokens: 200, chunk_overlap_tokens: 50 },
    } as const;
    await vectorStores.files.createAndPoll(
      store.id,
      { file_id: text, chunking_strategy, attributes: { year: 2026, wet: true } },
      soon,
    );
    await vectorStores.files.createAndPoll(store.id, { file_id: broken }, soon);
    const moreFile = await this.upload('batchFile', 'Foxes sleep in dens.', 'foxes.txt', 'assistants');
    const batch = await vectorStores.fileBatches.createAndPoll(store.id, { file_ids: [moreFile] }, soon);
    this.keep('batch', batch.id, `/vector_stores/${store.id}/file_batches/${batch.id}`);
  }

  private async assistants(): Promise<void> {
    const { assistants } = this.client.beta;
    const { id } = await assistants.create({
      model: 'gpt-4.1',
      name: 'Keeper',
      description: 'Knows animals.',
      instructions: 'Answer from the files.',
      metadata: { of: 'the release' },
      temperature: 0.5,
      top_p: 0.9,
      response_format: { type: 'text' },
      tools: [{ type: 'code_interpreter' }, { type: 'file_search', file_search: { max_num_results: 5 } }, lookUp],
      tool_resources: {
        code_interpreter: { file_ids: [this.id('tableFile')] },
        file_search: { vector_store_ids: [this.id('store')] },
      },
    });
    this.keep('assistant', id, `/assistants/${id}`);
    const plain = await assistants.create({ model: 'gpt-4.1', tools: [lookUp] });
    this.keep('plainAssistant', plain.id, `/assistants/${plain.id}`, '/assistants');
  }

  private async thread(
    name: string,
    content: OpenAI.Beta.Threads.MessageCreateParams['content'] = 'Where do otters sleep?',
  ) {
    const { id } = await this.client.beta.threads.create({ messages: [{ role: 'user', content }], metadata: { name } });
    return this.keep(`${name}Thread`, id, `/threads/${id}`, `/threads/${id}/messages`, `/threads/${id}/runs`);
  }

  private keepRun(name: string, threadId: string, id: string): string {
    return this.keep(`${name}Run`, id, `/threads/${threadId}/runs/${id}`, `/threads/${threadId}/runs/${id}/steps`);
  }

  /** With all tools, a picture, an attachment, citations, and a file that code wrote. */
  private async completedRun(): Promise<void> {
    const { threads } = this.client.beta;
    const thread = await this.thread('completed', [
      { type: 'text', text: 'Where do otters sleep?' },
      { type: 'image_file', image_file: { file_id: this.id('pictureFile'), detail: 'low' } },
    ]);
    await threads.messages.create(thread, {
      role: 'user',
      content: 'And foxes?',
      attachments: [{ file_id: this.id('batchFile'), tools: [{ type: 'file_search' }, { type: 'code_interpreter' }] }],
    });
    this.upstream.enqueue(
      reply.toolCalls([
        { name: 'code_interpreter', arguments: { code: "open('/mnt/data/out.txt','w').write('4')\nprint(2 + 2)" } },
      ]),
      reply.toolCalls([{ name: 'file_search', arguments: { queries: ['otters sleep'] } }]),
      reply.toolCalls([{ name: 'look_up', arguments: { word: 'otter' } }]),
      reply.text('They sleep afloat【0:0†otters.txt】, says [out](sandbox:/mnt/data/out.txt).'),
    );
    const asked = await threads.runs.createAndPoll(thread, { assistant_id: this.id('assistant') }, soon);
    this.keepRun('completed', thread, asked.id);
    const run = await threads.runs.submitToolOutputsAndPoll(
      asked.id,
      { thread_id: thread, tool_outputs: outputsOf(asked) },
      soon,
    );
    if (run.status !== 'completed') throw new Error(`The run is ${JSON.stringify(run)}`);
  }

  private async endedRuns(): Promise<void> {
    const { runs } = this.client.beta.threads;
    const body = { assistant_id: this.id('plainAssistant') };
    this.upstream.enqueue(reply.status(400));
    const failed = await this.thread('failed');
    this.keepRun('failed', failed, (await runs.createAndPoll(failed, body, soon)).id);
    this.upstream.enqueue(reply.text('They sleep in', { finishReason: 'length' }));
    const incomplete = await this.thread('incomplete');
    this.keepRun('incomplete', incomplete, (await runs.createAndPoll(incomplete, body, soon)).id);
    this.upstream.enqueue(reply.toolCalls([{ name: 'look_up', arguments: { word: 'otter' } }]));
    const cancelled = await this.thread('cancelled');
    const { id } = await runs.createAndPoll(cancelled, body, soon);
    await runs.cancel(id, { thread_id: cancelled });
    await runs.poll(id, { thread_id: cancelled }, soon);
    this.keepRun('cancelled', cancelled, id);
  }

  private async extensions(): Promise<void> {
    const schedules = schedulesOf(this.client);
    const messages = [{ role: 'user', content: 'What is new?' }];
    const schedule = await schedules.create({
      cron: YEARLY,
      run: { assistant_id: this.id('plainAssistant'), thread: { messages } },
    });
    const run = await schedules.run(schedule.id);
    await this.client.beta.threads.runs.poll(run.id, { thread_id: run.thread_id }, soon);
    this.keep('schedule', schedule.id, `/schedules/${schedule.id}`);
    const store = await this.client.vectorStores.create({ name: 'Mirrored' });
    this.keep('mirroredStore', store.id, `/vector_stores/${store.id}`, `/vector_stores/${store.id}/files`);
    const syncs = syncsOf(this.client);
    const sync = await syncs.create({ vector_store_id: store.id, container: 'documents', cron: YEARLY });
    await eventually('the first sync', async () => {
      const { status, last_sync: last } = await syncs.retrieve(sync.id);
      const { file_counts: counts } = await this.client.vectorStores.retrieve(store.id);
      return (status === 'waiting' && last !== null && counts.completed === 1) || undefined;
    });
    this.keep('sync', sync.id, `/syncs/${sync.id}`);
  }

  private async waitingRun(): Promise<void> {
    this.upstream.enqueue(
      reply.toolCalls([{ name: 'look_up', arguments: { word: 'otter' } }], { text: 'One moment.' }),
    );
    const thread = await this.thread('waiting');
    const body = { assistant_id: this.id('plainAssistant') };
    const run = await this.client.beta.threads.runs.createAndPoll(thread, body, soon);
    this.keepRun('waiting', thread, run.id);
  }

  /** One that is polled and one that is streamed, both in the middle of their model's answer. */
  private async runsUnderWay(): Promise<void> {
    const { runs } = this.client.beta.threads;
    const body = { assistant_id: this.id('plainAssistant') };
    this.upstream.enqueue(reply.hang());
    const polled = await this.thread('polled');
    const { id } = await runs.create(polled, body);
    this.keepRun('polled', polled, id);
    await eventually(
      'the run at work',
      async () => (await runs.retrieve(id, { thread_id: polled })).status === 'in_progress' || undefined,
    );
    this.upstream.enqueue(reply.stallAfter(4, reply.text('Otters sleep afloat in the water.', { chunks: 8 })));
    const streamed = await this.thread('streamed');
    const stream = await runs.create(streamed, { ...body, stream: true });
    for await (const { event, data } of stream) {
      if (event === 'thread.run.created') this.keepRun('streamed', streamed, data.id);
      if (event === 'thread.message.delta') break;
    }
  }

  private async batchUnderWay(): Promise<void> {
    const { vectorStores, files } = this.client;
    const store = await vectorStores.create({ name: 'Filling' });
    this.keep('fillingStore', store.id);
    const fileIds: string[] = [];
    for (let place = 0; place < BATCH_FILES; place += 1) {
      const file = new File([`Animal ${place} sleeps.`], `${place}.txt`);
      fileIds.push((await files.create({ file, purpose: 'assistants' })).id);
    }
    this.upstream.on((_body, { kind }) => (kind === 'embeddings' ? reply.hang() : undefined));
    const before = this.upstream.calls.embeddings;
    const { id } = await vectorStores.fileBatches.create(store.id, { file_ids: fileIds });
    this.keep('fillingBatch', id);
    await this.upstream.until(() => this.upstream.calls.embeddings >= before + 2);
  }
}

const outputsOf = (run: OpenAI.Beta.Threads.Run) =>
  (run.required_action?.submit_tool_outputs.tool_calls ?? []).map(({ id }) => ({
    tool_call_id: id,
    output: 'a mammal',
  }));

async function main(): Promise<void> {
  const [root, version] = process.argv.slice(2);
  if (!root || !version) throw new Error('Give the folder of the built package and the name of the release.');
  const dataDir = await mkdtemp(join(tmpdir(), 'release-'));
  await mkdir(join(dataDir, 'blobs', 'documents'), { recursive: true });
  await writeFile(join(dataDir, 'blobs', 'documents', 'badgers.txt'), 'Badgers sleep in setts.');
  const upstream = await startScriptedUpstream();
  let host: Host | undefined;
  try {
    host = await startHost({
      dataDir,
      app: resolve(root),
      script: resolve(root, 'dist', 'src', 'localHost', 'main.js'),
      env: modelSettings(upstream),
    });
    const maker = new Maker(host.openai(), upstream);
    await maker.make();
    const answers: Record<string, unknown> = {};
    for (const path of maker.paths) answers[path] = await host.openai().get(path);
    await host.kill();
    const shown: Shown = { madeAt: Date.now(), ids: maker.ids, answers };
    console.log(await dumpRelease(version, dataDir, shown));
  } catch (error) {
    console.error(host?.output().slice(-5000));
    throw error;
  } finally {
    await host?.kill();
    await upstream.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

void main();
