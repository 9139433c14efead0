/** The host is killed while a response ends in a conversation: what it said is added once and in order, or not at all, and nobody is locked out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { conversationPartition, conversationPlace, ITEMS } from '../../src/responses/conversationRecords';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { openRecords } from '../support/storage';

const MINUTE_MS = 60_000;
const model = 'gpt-4.1';

let upstream: ScriptedUpstream;
let dataDir: string;
let host: Host;

const start = async (killAt?: string): Promise<Host> =>
  startHost({
    dataDir,
    env: {
      OPENAI_BASE_URL: upstream.url,
      ...(killAt && { KILL_AT: killAt, NODE_OPTIONS: `--require ${join(__dirname, 'killBeforeAdding.cjs')}` }),
    },
  });

beforeEach(async () => {
  upstream = await startScriptedUpstream();
  dataDir = await mkdtemp(join(tmpdir(), 'crash-'));
});
afterEach(async () => {
  await host.kill();
  await upstream.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function texts(id: string): Promise<string[]> {
  const found: string[] = [];
  for await (const item of host.openai().conversations.items.list(id, { order: 'asc', limit: 100 })) {
    const part = item.type === 'message' ? item.content[0] : undefined;
    found.push(part && 'text' in part ? part.text : item.type);
  }
  return found;
}

/** How many items the crash has left: read from the store, since a host that comes sees to the rest. */
async function left(id: string): Promise<number> {
  const records = await openRecords(dataDir);
  const place = conversationPlace({ tenant: 'alpha', project: '-' }, id);
  const page = await records.list(conversationPartition(place), ITEMS, { order: 'asc', limit: 100 });
  await records.close();
  return page.records.length;
}

/** Answers in the conversation as soon as nobody locks it. */
const answered = async (id: string, input: string): Promise<OpenAI.Responses.Response> =>
  eventually('the conversation is free', async () =>
    host
      .openai()
      .responses.create({ model, conversation: id, input })
      .catch((error: { code?: unknown }) => {
        if (error.code !== 'conversation_locked') throw error;
        return undefined;
      }),
  );

it(
  'a response that was stored before the crash is added once, before what follows',
  async () => {
    host = await start('append');
    const { id } = await host.openai().conversations.create();
    upstream.enqueue(reply.text('Afloat.'));
    await expect(host.openai().responses.create({ model, conversation: id, input: 'Where?' })).rejects.toThrow();
    expect(await left(id)).toBe(0);
    host = await start();
    upstream.enqueue(reply.text('In rafts.'));
    await answered(id, 'How?');
    expect(upstream.requests.at(-1)?.body.messages?.map(({ content }) => content)).toEqual([
      'Where?',
      'Afloat.',
      'How?',
    ]);
    expect(await texts(id)).toEqual(['Where?', 'Afloat.', 'How?', 'In rafts.']);
  },
  MINUTE_MS,
);

it(
  'items of which some were added before the crash are added whole, also of a response that is not stored',
  async () => {
    host = await start('group');
    const { id } = await host.openai().conversations.create({ items: [{ role: 'user', content: 'first' }] });
    const said = Array.from({ length: 60 }, (_, index) => `Said ${index}`);
    const input = said.map((content) => ({ role: 'user' as const, content }));
    upstream.enqueue(reply.text('Done.'));
    await expect(host.openai().responses.create({ model, conversation: id, input, store: false })).rejects.toThrow();
    const some = await left(id);
    expect(some).toBeGreaterThan(1);
    expect(some).toBeLessThan(said.length);
    host = await start();
    await host.openai().conversations.items.create(id, { items: [{ role: 'user', content: 'last' }] });
    expect(await texts(id)).toEqual(['first', ...said, 'Done.', 'last']);
  },
  MINUTE_MS,
);

it(
  'a response whose host died while it answered adds nothing, and frees the conversation',
  async () => {
    host = await start();
    const { id } = await host.openai().conversations.create();
    upstream.enqueue(reply.hang(), reply.text('In rafts.'));
    const lost = host.openai().responses.create({ model, conversation: id, input: 'Where?' });
    lost.catch(() => undefined);
    await upstream.until(() => upstream.calls.chat === 1);
    await host.kill();
    await expect(lost).rejects.toThrow();
    host = await start();
    await answered(id, 'How?');
    expect(await texts(id)).toEqual(['How?', 'In rafts.']);
  },
  MINUTE_MS,
);
