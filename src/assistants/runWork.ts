/** The work of a run while it is driven: turns of the model, and of the server's tools, until it ends or needs its caller. */
import { patientAnswer } from '../agentLoop/modelCall';
import { InvalidToolCallError } from '../agentLoop/serverTools';
import { truncated } from '../agentLoop/truncation';
import { ModelError, type ChatEvent, type ChatMessage, type ChatRequest } from '../models/ports';
import { contextWindow, estimatedUsage, smallerWindow } from '../models/promptTokens';
import type { Change } from '../storage/ports';
import type { MessageObject, RunObject, RunStepObject } from '../wire/threads';
import { chatMessageOf, chatRequest, promptParts } from './chatRequest';
import { RunExpiredError, type DrivenRun } from './drivenRun';
import { imagesOf } from './messageImages';
import { MessageWriter, removalOf, type MessageSources } from './messageWriter';
import type { AssistantsPorts } from './ports';
import { ended, type Ending } from './runStatus';
import { silentSink, type RunSink } from './runSink';
import { MESSAGES, stepsList, type StepRecord } from './threadRecords';
import { serverTools } from './serverTools';
import { awaitThreadStore } from './threadStore';
import { promptRoom, readHistory } from './threadHistory';
import { ToolCallStep } from './toolCallStep';
import { linkedFiles, newImages, passagesOf } from './toolResults';

/** A model that only calls tools would go on for ever. */
export const MAX_STEPS = 100;

type Finish = Extract<ChatEvent, { type: 'finish' }>;
type IncompleteReason = NonNullable<RunObject['incomplete_details']>['reason'];

/** The run has used the tokens that it may use. */
export class RunIncompleteError extends Error {
  constructor(readonly reason: IncompleteReason) {
    super(`The run has used its ${reason}.`);
    this.name = 'RunIncompleteError';
  }
}

export class RunWork {
  /** Steps that are stored, oldest first. */
  steps: StepRecord[] = [];
  private readonly messages = new Map<string, MessageObject>();
  private history: MessageObject[] = [];
  private prompt: ChatMessage[] = [];
  /** A message that a crashed owner began: the next text is written into it. */
  private begun: { message: MessageObject; step: RunStepObject } | undefined;
  private writer: MessageWriter | undefined;
  private tools: ToolCallStep | undefined;
  /** The model's context window, smaller once the service has told so. */
  private window: number;

  constructor(
    private readonly ports: AssistantsPorts,
    private readonly driven: DrivenRun,
    private readonly sink: RunSink,
  ) {
    this.window = contextWindow(driven.run.model);
  }

  private get at(): number {
    return Math.floor(this.ports.now() / 1000);
  }

  /** Moves the run to its end or to its caller. Throws what stops it. */
  async go(): Promise<RunObject> {
    const { driven, ports } = this;
    await this.load();
    driven.signal.throwIfAborted();
    const { expires_at: expiresAt } = driven.run;
    if (expiresAt !== null && ports.now() >= expiresAt * 1000) throw new RunExpiredError();
    await this.sink('thread.run.in_progress', driven.run);
    if (driven.run.tools.some(({ type }) => type === 'code_interpreter')) ports.codeInterpreter?.prepare?.();
    await awaitThreadStore(ports, driven.reference, driven.run, driven.signal);
    const withImages = imagesOf(ports.files, driven.reference.scope);
    this.history = await readHistory(ports.records, driven.partition, driven.run, withImages);
    this.prompt = this.history.map(chatMessageOf);
    const interrupted = this.steps.at(-1);
    if (interrupted?.step.status === 'in_progress' && interrupted.step.type === 'tool_calls') {
      this.steps.pop();
      const run = await this.useTools(ToolCallStep.resume(driven.run, interrupted, this.sink, ports.now));
      if (run) return run;
    }
    while (this.steps.length < MAX_STEPS) {
      const run = await this.turn();
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
      if (found && step.status === 'in_progress') this.begun = { message: found.value, step };
    }
    this.steps = this.steps.filter(({ step }) => step !== this.begun?.step);
  }

  /** The message that is being written, or the one that a crashed owner began. */
  openMessage(): MessageWriter | undefined {
    return this.writer ?? (this.begun && this.newWriter());
  }

  /** The step of the tools that are being called. */
  get openTools(): ToolCallStep | undefined {
    return this.tools?.isEmpty ? undefined : this.tools;
  }

  /** Tokens of all the model's turns so far. */
  usage(): NonNullable<RunObject['usage']> {
    const sum = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    for (const { step } of this.openTools ? [...this.steps, this.openTools.record] : this.steps) {
      sum.prompt_tokens += step.usage?.prompt_tokens ?? 0;
      sum.completion_tokens += step.usage?.completion_tokens ?? 0;
      sum.total_tokens += step.usage?.total_tokens ?? 0;
    }
    return sum;
  }

  private newWriter(): MessageWriter {
    const sources: MessageSources = {
      passages: passagesOf(this.steps),
      links: linkedFiles(this.history, this.steps),
      images: newImages(this.steps),
    };
    return MessageWriter.begin(this.driven.run, this.begun, sources, this.sink, this.ports.now);
  }

  /** One call of the model and what follows from it; the run, when it goes no further. */
  private async turn(): Promise<RunObject | undefined> {
    const finish = await this.ask();
    if (finish.reason === 'content_filter')
      throw new ModelError('content_filter', "The answer was stopped by the model's content filter.");
    const { openTools } = this;
    if (openTools) {
      await openTools.callsEnd(finish.usage);
      // Its last call is cut.
      if (finish.reason === 'length') throw new RunIncompleteError('max_completion_tokens');
      // Text behind the calls is a message of its own: what comes next knows what the tools brought.
      if (this.writer) await this.finishMessage(this.writer);
      return this.useTools(openTools);
    }
    return this.answer(this.writer ?? (await this.beginMessage()), finish);
  }

  /** Asks the model, with less of the thread where the service says that its window is smaller than thought. */
  private async ask(): Promise<Finish> {
    for (;;) {
      const request = await this.request();
      try {
        return await this.read(request);
      } catch (error) {
        const window = this.writer || this.openTools ? undefined : smallerWindow(error, this.window);
        if (window === undefined) throw error;
        this.window = window;
      }
    }
  }

  /** The request of the next turn. Throws {@link RunIncompleteError} where the run has no tokens left for it. */
  private async request(): Promise<ChatRequest> {
    const { run, additionalInstructions } = this.driven;
    const used = this.usage();
    const left = run.max_completion_tokens === null ? undefined : run.max_completion_tokens - used.completion_tokens;
    if (left !== undefined && left <= 0) throw new RunIncompleteError('max_completion_tokens');
    const whole = promptParts(run, additionalInstructions, this.prompt, this.steps, this.messages);
    const parts = await truncated(whole, promptRoom(run, this.window, used.prompt_tokens, left));
    if (!parts) throw new RunIncompleteError('max_prompt_tokens');
    const hasCalledTools = this.steps.some(({ step }) => step.type === 'tool_calls');
    return chatRequest(run, parts, hasCalledTools, left);
  }

  /** Reads an answer: its text into a message, its calls into a step. */
  private async read(request: ChatRequest): Promise<Finish> {
    const { run, signal } = this.driven;
    this.tools = ToolCallStep.begin(run, this.sink, this.ports.now);
    const written: string[] = [];
    const { tenant } = this.driven.reference.scope;
    for await (const event of patientAnswer(this.ports, request, { expiresAt: run.expires_at, tenant }, signal)) {
      signal.throwIfAborted();
      if (event.type === 'finish') return this.counted(event, request, written);
      written.push(event.type === 'tool_call' ? event.arguments : event.text);
      // Runs have no place for thoughts, and do not ask for them.
      if (event.type === 'reasoning') continue;
      if (event.type === 'tool_call') {
        if (this.writer) await this.finishMessage(this.writer);
        await this.tools.take(event);
        continue;
      }
      const writer = this.writer ?? (await this.beginMessage());
      await (event.type === 'refusal' ? writer.refuse(event.text) : writer.append(event.text));
      if (writer.isFull) return this.counted({ type: 'finish', reason: 'length' }, request, written);
    }
    throw new ModelError('unavailable', 'The model ended its answer without saying why.');
  }

  /** The run's limits hold for services that do not count, too: then we do. */
  private async counted(finish: Finish, request: ChatRequest, written: string[]): Promise<Finish> {
    const { max_prompt_tokens: prompt, max_completion_tokens: completion } = this.driven.run;
    if (finish.usage || (prompt === null && completion === null)) return finish;
    return { ...finish, usage: await estimatedUsage(request, written.join('')) };
  }

  private async beginMessage(): Promise<MessageWriter> {
    const writer = this.newWriter();
    this.begun = undefined;
    this.writer = writer;
    if (this.sink !== silentSink) await writer.announce(async (changes) => this.driven.write((same) => same, changes));
    return writer;
  }

  /** A message before tool calls is complete when they begin, and one behind them before they are carried out. */
  private async finishMessage(writer: MessageWriter): Promise<void> {
    await writer.complete(null, { status: 'completed' });
    await this.driven.write((same) => same, writer.changes());
    await writer.announceEnd();
    const { message, record } = writer.finished;
    this.messages.set(message.id, message);
    this.steps.push(record);
    this.writer = undefined;
  }

  /** Calls the server's tools and stores what they brought; the run, if the caller must answer the rest. */
  private async useTools(tools: ToolCallStep): Promise<RunObject | undefined> {
    this.tools = tools;
    // A message that a crashed owner began would stand before these calls, which come first this time.
    if (tools.runsCode) {
      await this.driven.write((same) => same, [tools.change(), ...this.removalOfBegun()]);
      this.begun = undefined;
      tools.wasStored();
    }
    await tools.execute(serverTools(this.ports, this.driven, this.history, this.steps));
    const calls = tools.functionCalls;
    const required_action: RunObject['required_action'] = {
      type: 'submit_tool_outputs',
      submit_tool_outputs: { tool_calls: calls },
    };
    const run = await this.driven.write(
      (same) => (calls.length > 0 ? { ...same, status: 'requires_action', required_action } : same),
      [tools.change(), ...this.removalOfBegun()],
    );
    this.begun = undefined;
    this.tools = undefined;
    this.steps.push(tools.record);
    if (calls.length === 0) {
      await this.sink('thread.run.step.completed', tools.record.step);
      return undefined;
    }
    await this.sink('thread.run.requires_action', run);
    return run;
  }

  private removalOfBegun(): Change[] {
    return this.begun ? removalOf(this.begun) : [];
  }

  private async answer(writer: MessageWriter, finish: Finish): Promise<RunObject> {
    const ending: Ending =
      finish.reason === 'length' ? { status: 'incomplete', reason: 'max_completion_tokens' } : { status: 'completed' };
    await writer.complete(finish.usage ?? null, ending);
    const { record } = writer.finished;
    this.steps.push(record);
    const usage = this.usage();
    this.steps.pop();
    const run = await this.driven.write((same) => ended({ ...same, usage }, ending, this.at), writer.changes());
    await writer.announceEnd();
    await this.sink(`thread.run.${run.status}`, run);
    return run;
  }
}
