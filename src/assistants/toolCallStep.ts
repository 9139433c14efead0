/** A tool_calls step: the calls as the model makes them, the server's tools, and what the caller must do. */
import type { FunctionCall, Usage } from '../models/ports';
import { newId } from '../storage/keys';
import type { Change } from '../storage/ports';
import type { CodeOutput, RunObject, RunStepObject, StepToolCall } from '../wire/threads';
import { CodeArguments } from '../agentLoop/codeArguments';
import type { CodeResult, FoundPassage } from '../agentLoop/ports';
import { InvalidToolCallError, NO_CODE, queriesOf } from '../agentLoop/serverTools';
import type { WrittenFile } from '../agentLoop/toolOutputs';
import { newStep, stepChange } from './messageWriter';
import { nameOf } from './newRun';
import { endedStep, type Ending } from './runStatus';
import { argumentsDelta, codeDelta, outputsDelta, toolCallBegun, type RunSink } from './runSink';
import type { StepRecord } from './threadRecords';

/** The server's tools as one run uses them. */
export interface ServerTools {
  search(queries: string[]): Promise<FoundPassage[]>;
  ranking: { ranker: string; score_threshold: number };
  /** `written` is what the step's code wrote before. */
  runCode(code: string, written: WrittenFile[]): Promise<CodeResult>;
}

/** Bytes of all arguments, and of all results, of one step: both must fit into a write of the store. */
const MAX_ARGUMENT_BYTES = 512 * 1024;
const MAX_RESULT_BYTES = 768 * 1024;
/** Of what one piece of code prints; models read no more. */
const MAX_LOG_CHARACTERS = 64 * 1024;

interface OpenCall {
  id: string;
  type: StepToolCall['type'];
  name: string;
  arguments: string;
  code: CodeArguments;
}

export class ToolCallStep {
  private readonly calls: OpenCall[] = [];
  /** Calls as they are stored, once they have results. */
  private readonly results = new Map<string, StepToolCall>();
  private readonly queries: StepRecord['queries'] = {};
  private readonly files: NonNullable<StepRecord['files']> = {};
  private argumentBytes = 0;
  private resultBytes = 0;
  private stored = false;
  /** Whether the listener was told that the step begins: without it a delta would mean nothing to him. */
  private announced = false;

  private constructor(
    private readonly run: RunObject,
    private step: RunStepObject,
    private readonly sink: RunSink,
    private readonly now: () => number,
  ) {}

  static begin(run: RunObject, sink: RunSink, now: () => number): ToolCallStep {
    const step = newStep(run, { type: 'tool_calls', tool_calls: [] }, Math.floor(now() / 1000));
    return new ToolCallStep(run, step, sink, now);
  }

  /** The stored step of an owner that crashed while the server's tools were at work: they are called again. */
  static resume(run: RunObject, { step, queries }: StepRecord, sink: RunSink, now: () => number): ToolCallStep {
    const resumed = new ToolCallStep(run, step, sink, now);
    resumed.stored = true;
    const stored = step.step_details.type === 'tool_calls' ? step.step_details.tool_calls : [];
    for (const call of stored) resumed.calls.push(openCall(call, queries[call.id] ?? []));
    return resumed;
  }

  /** Whether the model has called no tool yet. */
  get isEmpty(): boolean {
    return this.calls.length === 0;
  }

  /** Takes a piece of the call at `index`, as the model streams it. */
  async take(piece: { index: number; id?: string; name?: string; arguments: string }): Promise<void> {
    const call = this.calls[piece.index] ?? (await this.begin(piece));
    this.argumentBytes += Buffer.byteLength(JSON.stringify(piece.arguments));
    if (this.argumentBytes > MAX_ARGUMENT_BYTES)
      throw new InvalidToolCallError('The model called tools with too long arguments.');
    call.arguments += piece.arguments;
    if (call.type === 'code_interpreter') await this.tellCode(piece.index, call.code.push(piece.arguments));
    else if (call.type === 'function' && piece.arguments)
      await this.sink('thread.run.step.delta', argumentsDelta(this.step.id, piece.index, piece.arguments));
  }

  private async begin(piece: { index: number; id?: string; name?: string }): Promise<OpenCall> {
    const tool = this.run.tools.find((one) => nameOf(one) === piece.name);
    if (!piece.id || !piece.name || !tool || piece.index !== this.calls.length) {
      throw new InvalidToolCallError(
        `The model called a tool that the run does not have: '${(piece.name ?? '').slice(0, 64)}'.`,
      );
    }
    if (!this.announced) {
      this.announced = true;
      await this.sink('thread.run.step.created', this.step);
      await this.sink('thread.run.step.in_progress', this.step);
    }
    // Some local servers give every call the same id, but the outputs are handed in by it.
    const id = this.calls.some((other) => other.id === piece.id) ? newId('call_') : piece.id;
    const call: OpenCall = { id, type: tool.type, name: piece.name, arguments: '', code: new CodeArguments() };
    this.calls.push(call);
    await this.sink('thread.run.step.delta', toolCallBegun(this.step.id, piece.index, shownCall(call)));
    return call;
  }

  private async tellCode(index: number, code: string): Promise<void> {
    if (code) await this.sink('thread.run.step.delta', codeDelta(this.step.id, index, code));
  }

  /** The model has made all its calls; `usage` is that of the model call. */
  async callsEnd(usage: Usage | undefined): Promise<void> {
    for (const [index, call] of this.calls.entries()) {
      if (call.type === 'code_interpreter') await this.tellCode(index, call.code.end());
      const asked = call.type === 'file_search' ? queriesOf(call.arguments) : [];
      if (asked.length > 0) this.queries[call.id] = asked;
    }
    this.step = { ...this.step, usage: usage ?? null };
  }

  /** Whether code will run: that may take long, so that others should see the step meanwhile. */
  get runsCode(): boolean {
    return this.calls.some(({ type }) => type === 'code_interpreter');
  }

  /** Function calls, which the caller must answer. */
  get functionCalls(): FunctionCall[] {
    return this.calls
      .filter(({ type }) => type === 'function')
      .map(({ id, name, arguments: given }) => ({ id, type: 'function', function: { name, arguments: given } }));
  }

  /** Calls the server's tools, one after the other. The step is then complete, or in progress while the caller's outputs are open. */
  async execute(tools: ServerTools): Promise<void> {
    for (const [index, call] of this.calls.entries()) {
      if (call.type === 'file_search') this.results.set(call.id, await this.searched(call, tools));
      if (call.type === 'code_interpreter') this.results.set(call.id, await this.ran(call, index, tools));
    }
    if (this.functionCalls.length > 0) return;
    this.step = { ...this.step, status: 'completed', completed_at: Math.floor(this.now() / 1000) };
  }

  private async searched(call: OpenCall, { search, ranking }: ServerTools): Promise<StepToolCall> {
    const queries = this.queries[call.id] ?? [];
    const passages = queries.length > 0 ? await search(queries) : [];
    // The worst passages are left out where they do not fit.
    const results = passages
      .filter(({ text }) => this.fits(text))
      .map(({ fileId, filename, score, text }) => ({
        file_id: fileId,
        file_name: filename,
        score,
        content: [{ type: 'text' as const, text }],
      }));
    return { id: call.id, type: 'file_search', file_search: { ranking_options: ranking, results } };
  }

  private async ran(call: OpenCall, index: number, { runCode }: ServerTools): Promise<StepToolCall> {
    const { code } = call.code;
    const { logs, images, files } = await (code.trim() === ''
      ? NO_CODE
      : runCode(code, Object.values(this.files).flat()));
    this.files[call.id] = [...images, ...files].map(({ fileId, path }): WrittenFile => ({
      fileId,
      path: path.startsWith('/') ? path : `/mnt/data/${path}`,
    }));
    const kept = logs.length > MAX_LOG_CHARACTERS ? `${logs.slice(0, MAX_LOG_CHARACTERS).toWellFormed()}…` : logs;
    const outputs: CodeOutput[] = [
      ...(kept
        ? [{ type: 'logs' as const, logs: this.fits(kept) ? kept : 'There is no room left for this output.' }]
        : []),
      ...images.map(({ fileId }) => ({ type: 'image' as const, image: { file_id: fileId } })),
    ];
    if (outputs.length > 0 && this.announced)
      await this.sink('thread.run.step.delta', outputsDelta(this.step.id, index, outputs));
    return { id: call.id, type: 'code_interpreter', code_interpreter: { input: call.code.code, outputs } };
  }

  private fits(text: string): boolean {
    this.resultBytes += Buffer.byteLength(JSON.stringify(text));
    return this.resultBytes <= MAX_RESULT_BYTES;
  }

  /** Ends the step as the run ends, with the calls and results so far. */
  end(ending: Ending): void {
    const isCut = ending.status === 'incomplete';
    const cut: Ending = {
      status: 'failed',
      error: { code: 'server_error', message: 'The model was cut off within a tool call.' },
    };
    this.step = endedStep(this.step, isCut ? cut : ending, Math.floor(this.now() / 1000));
  }

  get record(): StepRecord {
    const tool_calls = this.calls.map((call) => this.results.get(call.id) ?? shownCall(call));
    const step: RunStepObject = { ...this.step, step_details: { type: 'tool_calls', tool_calls } };
    return { step, queries: this.queries, ...(Object.keys(this.files).length > 0 && { files: this.files }) };
  }

  /** What stores the step as it is now. */
  change(): Change {
    return stepChange(this.record, this.stored, this.now());
  }

  /** `change` was written. */
  wasStored(): void {
    this.stored = true;
  }
}

/** A call without its result. */
function shownCall({ id, type, name, arguments: given, code }: OpenCall): StepToolCall {
  switch (type) {
    case 'function':
      return { id, type, function: { name, arguments: given, output: null } };
    case 'file_search':
      return { id, type, file_search: { results: [] } };
    case 'code_interpreter':
      return { id, type, code_interpreter: { input: code.code, outputs: [] } };
  }
}

function openCall(call: StepToolCall, queries: string[]): OpenCall {
  const { id, type } = call;
  const code = new CodeArguments();
  if (call.type === 'code_interpreter') code.code = call.code_interpreter.input;
  const asked = call.type === 'function' ? call.function : { name: type, arguments: JSON.stringify({ queries }) };
  return { id, type, name: asked.name, arguments: asked.arguments, code };
}
