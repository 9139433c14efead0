/** Responses over real records and a scripted model, without HTTP. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CodeResult } from '../../src/agentLoop/ports';
import type { ChatRequest } from '../../src/models/ports';
import { referenceTo, type ResponseReference } from '../../src/responses/backgroundRecords';
import type { NumberedEvent } from '../../src/responses/followResponse';
import type { ResponsesPorts } from '../../src/responses/ports';
import { createResponses } from '../../src/responses/responses';
import type { Scope } from '../../src/scope';
import type { DueRecord, Records } from '../../src/storage/ports';
import { createResponseRequest, type CreateResponseRequest, type ResponseObject } from '../../src/wire/responses';
import type { Turn } from './assistants';
import { attachables } from './attachables';
import { openBlobs, openRecords } from './storage';

/** Opens the capability in a folder of its own; `turns` answer the model's calls in order. */
export async function openResponses() {
  const directory = await mkdtemp(join(tmpdir(), 'responses-'));
  const records = await openRecords(directory);
  const blobs = await openBlobs(directory);
  const scope: Scope = { tenant: 'team', project: '-' };
  const turns: Turn[] = [];
  const requests: ChatRequest[] = [];
  const clock = { now: Date.now() };
  const faults: unknown[] = [];
  const codeResults: (CodeResult | ((signal?: AbortSignal) => Promise<CodeResult>))[] = [];
  const attached = attachables();
  const ports: ResponsesPorts = {
    records,
    blobs,
    chat: {
      serves: () => true,
      async *stream(request, signal) {
        requests.push(structuredClone(request));
        const turn = turns.shift();
        if (!turn) throw new Error('No turn left for the model.');
        yield* turn(request, signal);
      },
    },
    fileSearch: { search: () => Promise.resolve([]) },
    vectorStores: attached.storePort,
    files: attached.filePort,
    inputFiles: { read: () => Promise.reject(new Error('No file is read here.')) },
    agents: { resolve: () => Promise.reject(new Error('There are no agents here.')) },
    mcp: {
      open: () => {
        throw new Error('There are no servers here.');
      },
      close: () => Promise.resolve(),
    },
    codeInterpreter: {
      run: async (_request, signal) => {
        const result = codeResults.shift();
        if (!result) throw new Error('No result left for the code.');
        return typeof result === 'function' ? result(signal) : result;
      },
    },
    now: () => clock.now,
    logFault: (_message, error) => faults.push(error),
  };
  const responses = createResponses(ports);

  async function begin(body: Partial<CreateResponseRequest> = {}): Promise<ResponseReference & { id: string }> {
    const asked = createResponseRequest.parse({
      model: 'gpt',
      input: 'Hello',
      background: true,
      stream: true,
      ...body,
    });
    const { id } = await responses.begin(await responses.prepare(scope, asked));
    return { id, ...referenceTo(scope, id) };
  }

  async function events(id: string): Promise<NumberedEvent[]> {
    const all: NumberedEvent[] = [];
    for await (const event of await responses.follow(scope, id, -1, AbortSignal.timeout(10_000))) all.push(event);
    return all;
  }

  return {
    ports,
    records,
    responses,
    /** The same responses at another instance, whose records may be others. */
    elsewhere: (others: Records) => createResponses({ ...ports, records: others }),
    scope,
    turns,
    requests,
    clock,
    faults,
    codeResults,
    begin,
    events,
    get: async (id: string): Promise<ResponseObject> => responses.get(scope, id),
    due: async (): Promise<DueRecord[]> => records.due(Math.floor(clock.now / 1000) + 1_000_000, 100),
    close: async (): Promise<void> => {
      await records.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
