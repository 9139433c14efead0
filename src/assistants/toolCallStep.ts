/** A tool_calls step: the calls as the model makes them, the server's tools, and what the caller must do. */
import type { ToolCall } from '../models/ports';
import type { FoundPassage } from './ports';
import type { RunObject, RunStepObject, StepToolCall } from '../wire/threads';
import { FILE_SEARCH } from './newRun';
import { newStep } from './messageWriter';
import { argumentsDelta, toolCallBegun, type RunSink } from './runSink';
import type { StepRecord } from './threadRecords';

/** The model asked for something that is not a call of a tool of this run. */
export class InvalidToolCallError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvalidToolCallError';
  }
}

const MAX_QUERIES = 5;
const MAX_QUERY_CHARACTERS = 4000;
/** Bytes of all arguments, and of all passages, of one step: both must fit into a write of the store. */
const MAX_ARGUMENT_BYTES = 512 * 1024;
const MAX_PASSAGE_BYTES = 768 * 1024;

export class ToolCallStep {
  readonly calls: ToolCall[] = [];
  private step: RunStepObject;
  private argumentBytes = 0;

  constructor(
    private readonly run: RunObject,
    private readonly sink: RunSink,
    private readonly now: () => number,
  ) {
    this.step = newStep(run, { type: 'tool_calls', tool_calls: [] }, Math.floor(now() / 1000));
  }

  /** Takes a piece of the call at `index`, as the model streams it. */
  async take(piece: { index: number; id?: string; name?: string; arguments: string }): Promise<void> {
    if (this.calls.length === 0) {
      await this.sink('thread.run.step.created', this.step);
      await this.sink('thread.run.step.in_progress', this.step);
    }
    const call = this.calls[piece.index] ?? (await this.begin(piece));
    this.argumentBytes += Buffer.byteLength(JSON.stringify(piece.arguments));
    if (this.argumentBytes > MAX_ARGUMENT_BYTES)
      throw new InvalidToolCallError('The model called tools with too long arguments.');
    call.function.arguments += piece.arguments;
    if (piece.arguments && call.function.name !== FILE_SEARCH) {
      await this.sink('thread.run.step.delta', argumentsDelta(this.step.id, piece.index, piece.arguments));
    }
  }

  private async begin(piece: { index: number; id?: string; name?: string }): Promise<ToolCall> {
    const known = this.run.tools.some(
      (tool) => (tool.type === 'function' ? tool.function.name : tool.type) === piece.name,
    );
    if (!piece.id || !piece.name || !known || piece.index !== this.calls.length) {
      throw new InvalidToolCallError(
        `The model called a tool that the run does not have: '${(piece.name ?? '').slice(0, 64)}'.`,
      );
    }
    const call: ToolCall = { id: piece.id, type: 'function', function: { name: piece.name, arguments: '' } };
    this.calls.push(call);
    await this.sink('thread.run.step.delta', toolCallBegun(this.step.id, piece.index, shownCall(call, [])));
    return call;
  }

  /** Function calls, which the caller must answer. */
  get functionCalls(): ToolCall[] {
    return this.calls.filter((call) => call.function.name !== FILE_SEARCH);
  }

  /**
   * Runs the searches. The step is then complete, or in progress while the caller's outputs are open.
   * `usage` is that of the model call.
   */
  async execute(
    search: (queries: string[]) => Promise<FoundPassage[]>,
    ranking: { ranker: string; score_threshold: number },
    usage: RunStepObject['usage'],
  ): Promise<StepRecord> {
    const queries: Record<string, string[]> = {};
    const shown: StepToolCall[] = [];
    let room = MAX_PASSAGE_BYTES;
    for (const call of this.calls) {
      const asked = call.function.name === FILE_SEARCH ? queriesOf(call) : [];
      if (asked.length > 0) queries[call.id] = asked;
      const passages = asked.length > 0 ? await search(asked) : [];
      // The worst passages are left out where they do not fit.
      const fitting = passages.filter(({ text }) => (room -= Buffer.byteLength(JSON.stringify(text))) >= 0);
      shown.push(shownCall(call, fitting, ranking));
    }
    const open = this.functionCalls.length > 0;
    this.step = {
      ...this.step,
      status: open ? 'in_progress' : 'completed',
      completed_at: open ? null : Math.floor(this.now() / 1000),
      step_details: { type: 'tool_calls', tool_calls: shown },
      usage,
    };
    return { step: this.step, queries };
  }
}

/** The queries of a file_search call; a model that gives none, or broken JSON, searches for nothing. */
function queriesOf(call: ToolCall): string[] {
  try {
    const parsed: unknown = JSON.parse(call.function.arguments);
    const queries: unknown = typeof parsed === 'object' && parsed !== null && 'queries' in parsed ? parsed.queries : [];
    const list: unknown[] = Array.isArray(queries) ? queries : [queries];
    return list
      .flatMap((query) =>
        typeof query === 'string' && query.trim() !== '' ? [query.slice(0, MAX_QUERY_CHARACTERS)] : [],
      )
      .slice(0, MAX_QUERIES);
  } catch {
    return [];
  }
}

function shownCall(
  call: ToolCall,
  passages: FoundPassage[],
  ranking?: { ranker: string; score_threshold: number },
): StepToolCall {
  if (call.function.name !== FILE_SEARCH) {
    return {
      id: call.id,
      type: 'function',
      function: { name: call.function.name, arguments: call.function.arguments, output: null },
    };
  }
  const results = passages.map(({ fileId, filename, score, text }) => ({
    file_id: fileId,
    file_name: filename,
    score,
    content: [{ type: 'text' as const, text }],
  }));
  return { id: call.id, type: 'file_search', file_search: { ...(ranking && { ranking_options: ranking }), results } };
}
