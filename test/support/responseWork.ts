/** Responses over real records and blobs and a scripted model, without HTTP. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CodeResult, FoundPassage } from '../../src/agentLoop/ports';
import type { ChatRequest } from '../../src/models/ports';
import type { ResponsesPorts } from '../../src/responses/ports';
import { createResponses } from '../../src/responses/responses';
import type { McpTool } from '../../src/responses/mcpPort';
import type { Scope } from '../../src/scope';
import type { Turn } from './assistants';
import { attachables } from './attachables';
import { openBlobs, openRecords } from './storage';

export const scope: Scope = { tenant: 'team-a', project: '-' };

/** Opens the capability in a folder of its own; `turns` answer the model's calls in order. */
export async function openResponses() {
  const directory = await mkdtemp(join(tmpdir(), 'responses-'));
  const records = await openRecords(directory);
  const turns: Turn[] = [];
  const requests: ChatRequest[] = [];
  const passages: FoundPassage[] = [];
  const codeCalls: { session: string; code: string }[] = [];
  const code: { result: () => Promise<CodeResult> } = {
    result: () => Promise.reject(new Error('No code is expected.')),
  };
  const mcp: { list: () => Promise<McpTool[]>; output: string } = { list: () => Promise.resolve([]), output: '' };
  const faults: unknown[] = [];
  const { filePort } = attachables();
  const ports: ResponsesPorts = {
    records,
    blobs: await openBlobs(directory),
    chat: {
      serves: () => true,
      async *stream(request, signal) {
        requests.push(structuredClone(request));
        const turn = turns.shift();
        if (!turn) throw new Error('No turn left for the model.');
        yield* turn(request, signal);
      },
    },
    fileSearch: { search: () => Promise.resolve(passages) },
    vectorStores: { check: () => Promise.resolve() },
    files: filePort,
    inputFiles: { read: () => Promise.reject(new Error('No file is expected.')) },
    agents: { resolve: () => Promise.reject(new Error('No agent is expected.')) },
    mcp: {
      open: () => ({
        listTools: async () => mcp.list(),
        callTool: () => Promise.resolve({ output: mcp.output, error: null }),
        close: () => Promise.resolve(),
      }),
      close: () => Promise.resolve(),
    },
    codeInterpreter: {
      run: async ({ session, code: text }) => {
        codeCalls.push({ session, code: text });
        return code.result();
      },
    },
    now: () => Date.now(),
    logFault: (_message, error) => faults.push(error),
  };
  return {
    ports,
    responses: createResponses(ports),
    turns,
    requests,
    passages,
    code,
    codeCalls,
    mcp,
    faults,
    async close() {
      await records.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
