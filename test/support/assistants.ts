/** Assistants over real records and a scripted model, without HTTP. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { advanceRun } from '../../src/assistants/advanceRun';
import { createAssistants } from '../../src/assistants/assistants';
import type { CodeInterpreterTool, CodeResult, FoundPassage } from '../../src/agentLoop/ports';
import type { AssistantsPorts } from '../../src/assistants/ports';
import { createRuns } from '../../src/assistants/runs';
import type { RunSink } from '../../src/assistants/runSink';
import { createThreads } from '../../src/assistants/threads';
import type { ChatEvent, ChatRequest } from '../../src/models/ports';
import type { Scope } from '../../src/scope';
import type { Records } from '../../src/storage/ports';
import { attachables } from './attachables';
import { openRecords } from './storage';

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
  const records = await openRecords(directory);
  const others: Records[] = [];
  const turns: Turn[] = [];
  const requests: ChatRequest[] = [];
  const clock = { now: Date.now() };
  const passages: FoundPassage[] = [];
  const faults: unknown[] = [];
  const sleeps: number[] = [];
  /** Results of code, in order, and the calls that were made. */
  const codeResults: (CodeResult | ((signal?: AbortSignal) => Promise<CodeResult>))[] = [];
  const codeCalls: Parameters<CodeInterpreterTool['run']>[0][] = [];
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
    codeInterpreter: {
      run: async (request, signal) => {
        codeCalls.push(request);
        const result = codeResults.shift();
        if (!result) throw new Error('No result left for the code.');
        return typeof result === 'function' ? result(signal) : result;
      },
    },
    now: () => clock.now,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      sleeps.push(ms);
      clock.now += ms;
    },
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

  /** Another instance over the same storage, with its own connection; ends with `close`. */
  async function otherInstance(): Promise<AssistantsPorts> {
    const own = await openRecords(directory);
    others.push(own);
    return { ...ports, records: own };
  }

  return {
    otherInstance,
    sleeps,
    codeResults,
    codeCalls,
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
      for (const other of others) await other.close();
      await records.close();
      await rm(directory, { recursive: true });
    },
  };
}
