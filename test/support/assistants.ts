/** Assistants over real records and a scripted model, without HTTP. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqliteRecords } from '../../src/adapters/sqlite';
import { advanceRun } from '../../src/assistants/advanceRun';
import { createAssistants } from '../../src/assistants/assistants';
import type { AssistantsPorts, FoundPassage } from '../../src/assistants/ports';
import { createRuns } from '../../src/assistants/runs';
import type { RunSink } from '../../src/assistants/runSink';
import { createThreads } from '../../src/assistants/threads';
import type { ChatEvent, ChatRequest } from '../../src/models/ports';
import type { Scope } from '../../src/scope';
import { attachables } from './attachables';

export type Turn = (request: ChatRequest, signal?: AbortSignal) => AsyncIterable<ChatEvent> | Iterable<ChatEvent>;

export const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

/** A turn that says the text, a word at a time. */
export const says = (text: string): Turn =>
  function* () {
    for (const piece of text.split(/(?<= )/)) yield { type: 'text', text: piece };
    yield { type: 'finish', reason: 'stop', usage };
  };

/** A turn that calls functions. */
export const calls = (...functions: { id: string; name: string; arguments: string }[]): Turn =>
  function* () {
    for (const [index, { id, name, arguments: text }] of functions.entries()) {
      yield { type: 'tool_call', index, id, name, arguments: '' };
      yield { type: 'tool_call', index, arguments: text };
    }
    yield { type: 'finish', reason: 'tool_calls', usage };
  };

/** Opens the capability in a folder of its own; `turns` answer the model's calls in order. */
export async function openAssistants() {
  const directory = await mkdtemp(join(tmpdir(), 'assistants-'));
  const records = await sqliteRecords(join(directory, 'records.sqlite'));
  const turns: Turn[] = [];
  const requests: ChatRequest[] = [];
  const clock = { now: Date.now() };
  const passages: FoundPassage[] = [];
  const faults: unknown[] = [];
  const attached = attachables();
  const ports: AssistantsPorts = {
    records,
    chat: {
      serves: (model) => model !== 'nobody',
      async *stream(request, signal) {
        requests.push(structuredClone(request));
        const turn = turns.shift();
        if (!turn) throw new Error('No turn left for the model.');
        yield* turn(request, signal);
      },
    },
    fileSearch: { search: () => Promise.resolve(passages) },
    vectorStores: attached.storePort,
    files: attached.filePort,
    now: () => clock.now,
    runExpiresSeconds: 600,
    logFault: (_message, error) => faults.push(error),
  };
  const assistants = createAssistants(ports);
  const threads = createThreads(ports);
  const runs = createRuns(ports, assistants, threads);
  const scope: Scope = { tenant: 'team', project: '-' };

  /** A run of a new assistant on a new thread with one message. */
  async function start(settings: Partial<Parameters<typeof assistants.create>[1]> = {}, run: object = {}) {
    const assistant = await assistants.create(scope, { model: 'model', ...settings });
    const thread = await threads.create(scope, { messages: [{ role: 'user', content: 'How far is the moon?' }] });
    const created = await runs.create(scope, thread.id, { assistant_id: assistant.id, ...run });
    return { assistant, thread, run: created, reference: { scope, threadId: thread.id, runId: created.id } };
  }

  return {
    ports,
    records,
    turns,
    requests,
    clock,
    passages,
    faults,
    attached,
    assistants,
    threads,
    runs,
    scope,
    start,
    advance: async (reference: Awaited<ReturnType<typeof start>>['reference'], sink?: RunSink) =>
      advanceRun(ports, reference, sink),
    async close() {
      await records.close();
      await rm(directory, { recursive: true });
    },
  };
}
