/**
 * The one place that moves a run. It goes on from the last finished step, writes each finished step before the next begins, and returns when the
 * run is terminal or needs the caller's tool outputs. Called again, after a crash or twice, it does no harm: a run has one owner at a time, and a
 * step's result is never applied twice.
 */
import { ApiError, TooLargeError } from '../errors';
import { ModelError, type ChatEvent } from '../models/ports';
import type { MessageObject, RunObject } from '../wire/threads';
import { chatRequest, passagesOf, readHistory } from './chatRequest';
import { DrivenRun, LeaseLostError, RunCancelledError, RunExpiredError } from './drivenRun';
import { withImageData } from './messageImages';
import { MessageWriter, stepChange } from './messageWriter';
import type { AssistantsPorts, FoundPassage } from './ports';
import { ended, endedStep, type Ending } from './runStatus';
import { silentSink, type RunSink } from './runSink';
import { MESSAGES, stepsList, type RunReference, type StepRecord } from './threadRecords';
import { awaitThreadStore } from './threadStore';
import { InvalidToolCallError, ToolCallStep } from './toolCallStep';

/** A model that only calls tools would go on for ever. */
const MAX_STEPS = 100;
const DEFAULT_SEARCH_RESULTS = 20;

/** When to look again after the lease was lost. */
const LOST_MILLISECONDS = 1000;

/** Where the run stands after the call. */
export interface RunState {
  run: RunObject;
  /** Another owner drives the run; its lease ends then, in milliseconds. */
  busyUntil?: number;
}

/** Moves the run as far as it goes; undefined if it is gone. Events go to `sink`. `owner` is who may have the run's lease already. */
export async function advanceRun(
  ports: AssistantsPorts,
  reference: RunReference,
  sink: RunSink = silentSink,
  owner?: string,
): Promise<RunState | undefined> {
  const opened = await DrivenRun.open(ports, reference, owner);
  if (!opened || !('driven' in opened)) return opened;
  const work = new RunWork(ports, opened.driven, sink);
  try {
    return { run: await work.goOrEnd() };
  } catch (error) {
    // Another owner has the run: it moves on there.
    if (error instanceof LeaseLostError) return { run: opened.driven.run, busyUntil: ports.now() + LOST_MILLISECONDS };
    throw error;
  } finally {
    opened.driven.close();
  }
}

class RunWork {
  private steps: StepRecord[] = [];
  private readonly messages = new Map<string, MessageObject>();
  private writer: MessageWriter | undefined;

  constructor(
    private readonly ports: AssistantsPorts,
    private readonly driven: DrivenRun,
    private readonly sink: RunSink,
  ) {}

  private get at(): number {
    return Math.floor(this.ports.now() / 1000);
  }

  async goOrEnd(): Promise<RunObject> {
    try {
      return await this.go();
    } catch (error) {
      return this.endFor(error);
    }
  }

  private async go(): Promise<RunObject> {
    await this.load();
    this.driven.signal.throwIfAborted();
    const { expires_at: expiresAt } = this.driven.run;
    if (expiresAt !== null && this.ports.now() >= expiresAt * 1000) throw new RunExpiredError();
    await this.sink('thread.run.in_progress', this.driven.run);
    await awaitThreadStore(this.ports, this.driven.reference, this.driven.run, this.driven.signal);
    const stored = await readHistory(this.ports.records, this.driven.partition, this.driven.run);
    const history = await withImageData(this.ports.files, this.driven.reference.scope, stored);
    while (this.steps.length < MAX_STEPS) {
      const run = await this.turn(history);
      if (run) return run;
    }
    throw new InvalidToolCallError(`The run was ended after ${MAX_STEPS} steps without an answer.`);
  }

  /** What the run did before: its steps, and the messages of those that wrote one. */
  private async load(): Promise<void> {
    const { records } = this.ports;
    const { partition, run } = this.driven;
    const page = await records.list<StepRecord>(partition, stepsList(run.id), { order: 'asc', limit: MAX_STEPS });
    this.steps = page.records.map(({ value }) => value);
    for (const { step } of this.steps) {
      if (step.step_details.type !== 'message_creation') continue;
      const id = step.step_details.message_creation.message_id;
      const found = await records.get<MessageObject>({ partition, list: MESSAGES, id });
      if (found) this.messages.set(id, found.value);
    }
  }

  /** The message that a crashed owner began. */
  private unfinished() {
    const last = this.steps.at(-1);
    if (last?.step.status !== 'in_progress' || last.step.step_details.type !== 'message_creation') return undefined;
    const message = this.messages.get(last.step.step_details.message_creation.message_id);
    if (!message) return undefined;
    this.steps.pop();
    return { message, step: last.step };
  }

  /** One call of the model and what follows from it; the run, when it goes no further. */
  private async turn(history: MessageObject[]): Promise<RunObject | undefined> {
    const { run, additionalInstructions, signal } = this.driven;
    const unfinished = this.unfinished();
    const request = chatRequest(run, additionalInstructions, history, this.steps, this.messages);
    const passages = passagesOf(this.steps);
    const begin = async (): Promise<MessageWriter> => {
      const writer = MessageWriter.begin(run, unfinished, passages, this.sink, this.ports.now);
      this.writer = writer;
      if (this.sink !== silentSink)
        await writer.announce(async (changes) => this.driven.write((same) => same, changes));
      return writer;
    };
    let tools: ToolCallStep | undefined;
    let finish: Extract<ChatEvent, { type: 'finish' }> | undefined;
    for await (const event of this.ports.chat.stream(request, signal)) {
      signal.throwIfAborted();
      if (event.type === 'text' || event.type === 'refusal') {
        const writer = this.writer ?? (await begin());
        await writer.append(event.text);
        if (writer.isFull) {
          finish = { type: 'finish', reason: 'length' };
          break;
        }
      } else if (event.type === 'tool_call') {
        tools ??= new ToolCallStep(run, this.sink, this.ports.now);
        if (this.writer) await this.finishMessage(this.writer);
        await tools.take(event);
      } else {
        finish = event;
      }
    }
    if (!finish) throw new ModelError('unavailable', 'The model ended its answer without saying why.');
    if (tools && tools.calls.length > 0) return this.useTools(tools, finish);
    return this.answer(this.writer ?? (await begin()), finish);
  }

  /** A message before tool calls is complete when they begin. */
  private async finishMessage(writer: MessageWriter): Promise<void> {
    await writer.complete(null, { status: 'completed' });
    await this.driven.write((same) => same, writer.changes());
    await writer.announceEnd();
    this.keep(writer);
  }

  private keep(writer: MessageWriter): void {
    const { message, record } = writer.finished;
    this.messages.set(message.id, message);
    this.steps.push(record);
    this.writer = undefined;
  }

  private async useTools(
    tools: ToolCallStep,
    finish: Extract<ChatEvent, { type: 'finish' }>,
  ): Promise<RunObject | undefined> {
    if (finish.reason === 'length') throw new ModelError('unavailable', 'The model was cut off within a tool call.');
    const ranking = this.ranking();
    const record = await tools.execute(
      async (queries) => this.search(queries, ranking.score_threshold),
      ranking,
      finish.usage ?? null,
    );
    const change = stepChange(record, false, this.ports.now());
    this.steps.push(record);
    if (tools.functionCalls.length === 0) {
      await this.driven.write((same) => same, [change]);
      await this.sink('thread.run.step.completed', record.step);
      return undefined;
    }
    const required_action: RunObject['required_action'] = {
      type: 'submit_tool_outputs',
      submit_tool_outputs: { tool_calls: tools.functionCalls },
    };
    const run = await this.driven.write((same) => ({ ...same, status: 'requires_action', required_action }), [change]);
    await this.sink('thread.run.requires_action', run);
    return run;
  }

  private fileSearchOptions() {
    const tool = this.driven.run.tools.find(({ type }) => type === 'file_search');
    return tool?.type === 'file_search' ? tool.file_search : undefined;
  }

  private ranking() {
    const given = this.fileSearchOptions()?.ranking_options;
    return { ranker: given?.ranker ?? 'auto', score_threshold: given?.score_threshold ?? 0 };
  }

  private async search(queries: string[], scoreThreshold: number): Promise<FoundPassage[]> {
    const limit = this.fileSearchOptions()?.max_num_results ?? DEFAULT_SEARCH_RESULTS;
    const ids = this.driven.run.tool_resources.file_search?.vector_store_ids ?? [];
    return this.ports.fileSearch.search(
      this.driven.reference.scope,
      ids,
      queries,
      { limit, scoreThreshold },
      this.driven.signal,
    );
  }

  private async answer(writer: MessageWriter, finish: Extract<ChatEvent, { type: 'finish' }>): Promise<RunObject> {
    if (finish.reason === 'content_filter')
      throw new ModelError('content_filter', "The answer was stopped by the model's content filter.");
    const ending: Ending =
      finish.reason === 'length' ? { status: 'incomplete', reason: 'max_completion_tokens' } : { status: 'completed' };
    await writer.complete(finish.usage ?? null, ending);
    const usage = this.usage([...this.steps, writer.finished.record]);
    const run = await this.driven.write((same) => ended({ ...same, usage }, ending, this.at), writer.changes());
    await writer.announceEnd();
    await this.sink(`thread.run.${run.status}`, run);
    return run;
  }

  private usage(steps: StepRecord[]): NonNullable<RunObject['usage']> {
    const sum = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    for (const { step } of steps) {
      sum.prompt_tokens += step.usage?.prompt_tokens ?? 0;
      sum.completion_tokens += step.usage?.completion_tokens ?? 0;
      sum.total_tokens += step.usage?.total_tokens ?? 0;
    }
    return sum;
  }

  /** Ends the run, and what it was at, for the error that stopped it; finished steps stay. */
  private async endFor(error: unknown): Promise<RunObject> {
    const ending = this.endingFor(this.driven.signal.aborted ? this.driven.signal.reason : error);
    const { writer } = this;
    const unfinished = this.unfinished();
    const open =
      writer ?? (unfinished && MessageWriter.begin(this.driven.run, unfinished, new Map(), this.sink, this.ports.now));
    open?.end(ending);
    const steps = this.steps
      .filter(({ step }) => step.status === 'in_progress')
      .map((record) => ({ ...record, step: endedStep(record.step, ending, this.at) }));
    const changes = [...(open?.changes() ?? []), ...steps.map((record) => stepChange(record, true, this.ports.now()))];
    const usage = this.usage(this.steps);
    const end = (same: RunObject): RunObject => ended({ ...same, usage }, ending, this.at);
    const run = await this.driven.write(end, changes).catch(async (failure: unknown) => {
      // What cannot be stored must not keep the run from its end.
      if (!(failure instanceof TooLargeError)) throw failure;
      return this.driven.write(end);
    });
    await open?.announceEnd();
    for (const { step } of steps) await this.sink(`thread.run.step.${step.status}`, step);
    await this.sink(`thread.run.${run.status}`, run);
    return run;
  }

  private endingFor(error: unknown): Ending {
    if (error instanceof LeaseLostError) throw error;
    if (error instanceof RunCancelledError) return { status: 'cancelled' };
    if (error instanceof RunExpiredError) return { status: 'expired' };
    const isTold = error instanceof InvalidToolCallError || (error instanceof ApiError && error.status < 500);
    if (isTold) return { status: 'failed', error: { code: 'server_error', message: error.message } };
    if (error instanceof ModelError) {
      const code = { rate_limited: 'rate_limit_exceeded', content_filter: 'invalid_prompt' } as const;
      const kind = error.kind === 'rate_limited' || error.kind === 'content_filter' ? code[error.kind] : 'server_error';
      return { status: 'failed', error: { code: kind, message: error.message } };
    }
    this.ports.logFault(`Run ${this.driven.run.id} failed:`, error);
    return {
      status: 'failed',
      error: { code: 'server_error', message: 'The server had an error while driving the run.' },
    };
  }
}
