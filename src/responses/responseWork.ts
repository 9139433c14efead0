/** The work of a response: turns of the model, and of the server's tools, until it ends or needs its caller. */
import { patientAnswer } from '../agentLoop/modelCall';
import { InvalidToolCallError } from '../agentLoop/serverTools';
import { ModelError, type ChatEvent, type ChatMessage, type ChatRequest } from '../models/ports';
import { contextWindow, estimatedUsage, isTooLong, smallerWindow } from '../models/promptTokens';
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { OutputItem, ResponseItem } from '../wire/responseItems';
import type { ResponseObject } from '../wire/responses';
import { AnswerItems } from './answerItems';
import { approvedCalls } from './approvedCalls';
import { CallItem } from './callItem';
import { isCallersCall, isServerCall } from './callKinds';
import { chatMessages, type FilesOfCalls, type PartReader } from './chatItems';
import { addedUsage } from './chatSampling';
import { INTERNAL_ERROR, McpServers, protocolError } from './mcpServers';
import { modelRequest } from './modelRequest';
import { wantsLogprobs, type Settings } from './newResponse';
import { offeredTools, type OfferedTool } from './offeredTools';
import type { ResponsesPorts } from './ports';
import { responseEvent, type ResponseSink } from './responseEvents';
import { roomForThoughts } from './reasoningItem';
import type { ResponseKey } from './responseIds';
import { ServerCalls } from './serverCalls';
import { isIncomplete, type ToldItem } from './toldItems';

/** A model that only calls tools would go on for ever. */
const MAX_TURNS = 100;
/** Of the whole response, which is one record. */
const MAX_RESPONSE_BYTES = 1792 * 1024;
const INTERRUPTED_CALL =
  'The server was interrupted while the tool was called. Whether the call took effect is not known, so it was not made again.';

type Finish = Extract<ChatEvent, { type: 'finish' }>;

/** What is to be done. */
export interface ResponseTask {
  scope: Scope;
  key: ResponseKey;
  settings: Settings;
  /** As it stands: its output holds what was finished before. */
  response: ResponseObject;
  /** What was said before, and the response's own input. */
  items: ResponseItem[];
  files: FilesOfCalls;
  /** Those of the responses before it. */
  earlierFiles?: FilesOfCalls;
  /** Until when a 429 of the model is waited out, in Unix seconds. */
  patientUntil: number;
}

/** Keeps a response that must survive this process. */
export interface Keeper {
  /** Resolves when the response is stored as it is. */
  checkpoint(): Promise<void>;
  /** Resolves when more may be told. */
  pace(): Promise<void>;
}

const keepsNothing: Keeper = { checkpoint: () => Promise.resolve(), pace: () => Promise.resolve() };

export class ResponseWork {
  response: ResponseObject;
  /** The answer of the model that is being written. */
  private answer: AnswerItems | undefined;
  /** Calls in the output that are being carried out, or wait for it. */
  private running: CallItem[] = [];
  private isEnding = false;
  private offered = new Map<string, OfferedTool>();
  private history: ChatMessage[] = [];
  private readonly servers: McpServers;
  private readonly serverCalls: ServerCalls;
  private window: number;

  constructor(
    private readonly ports: ResponsesPorts,
    private readonly task: ResponseTask,
    private readonly emit: ResponseSink,
    private readonly signal: AbortSignal,
    private readonly parts: PartReader,
    private readonly keeper: Keeper = keepsNothing,
  ) {
    this.response = task.response;
    this.window = contextWindow(task.settings.model);
    this.servers = new McpServers(ports.mcp, task, emit, signal);
    this.serverCalls = new ServerCalls(ports, task, this.servers, signal);
  }

  /** What code wrote, by the id of its call. */
  get files(): FilesOfCalls {
    return this.serverCalls.files;
  }

  /** Moves the response to its end. Throws what stops it; {@link end} then ends what was begun. */
  async go(): Promise<void> {
    try {
      await this.begin();
      if (this.task.settings.tools.some(({ type }) => type === 'code_interpreter'))
        this.ports.codeInterpreter?.prepare?.();
      await this.carryOut([...(await this.interrupted()), ...(await this.approved())]);
      // The caller's turn had come when an owner before crashed.
      if (this.whole.some(isCallersCall)) return await this.finish({ status: 'completed' });
      for (let turn = 0; turn < MAX_TURNS; turn += 1) if (await this.turn()) return;
      throw new InvalidToolCallError(`The response was ended after ${MAX_TURNS} turns without an answer.`);
    } finally {
      await this.servers.close();
    }
  }

  /** The tokens of the model's first prompt, counted as far as one can from outside. Throws as {@link go}, before the model is asked. */
  async inputTokens(): Promise<number> {
    try {
      await this.begin();
      return (await estimatedUsage(await this.request(), '')).prompt_tokens;
    } finally {
      await this.servers.close();
    }
  }

  private async begin(): Promise<void> {
    const { items, earlierFiles, settings } = this.task;
    this.history = await chatMessages(items, this.parts, earlierFiles);
    await this.servers.list(this.response.output, (added) => this.add(added));
    this.offered = offeredTools(settings.tools, this.servers.lists);
    await this.serverCalls.begin();
  }

  /** Ends what is open, and the response, as the error that stopped it has it. */
  async end(status: 'failed' | 'cancelled' | 'incomplete', fields: Partial<ResponseObject>): Promise<void> {
    await this.closeOpen();
    await this.finish({ status, ...fields });
  }

  /** Whether anything was put out that a caller could not have by asking again. */
  get hasOutput(): boolean {
    return this.response.output.some(({ type }) => type !== 'mcp_list_tools') || (this.answer?.isBegun ?? false);
  }

  /** What was told of that the output does not hold yet. */
  get told(): ToldItem[] {
    const { asked } = this.servers;
    return [...(this.answer?.told ?? []), ...(asked ? [{ ...asked, told: 'begun' as const }] : [])];
  }

  /** The output but for what was broken off. */
  private get whole(): OutputItem[] {
    return this.response.output.filter((item) => !('status' in item && isIncomplete(item)));
  }

  /** How often the server's tools may still be called. */
  private get callsLeft(): number {
    return (this.response.max_tool_calls ?? Infinity) - this.whole.filter(isServerCall).length;
  }

  /** Throws where the response would not fit into a record any more; at its end what does not fit is left out. */
  private add(items: OutputItem[]): void {
    const response = { ...this.response, output: [...this.response.output, ...items] };
    if (Buffer.byteLength(JSON.stringify(response)) <= MAX_RESPONSE_BYTES) this.response = response;
    else if (!this.isEnding) throw new InvalidToolCallError('The output of the response grew too large to be stored.');
  }

  /** One call of the model and what follows from it; whether the response is over with that. */
  private async turn(): Promise<boolean> {
    const { answer, finish } = await this.ask();
    this.count(finish);
    if (finish.reason === 'content_filter' || finish.reason === 'length') {
      await this.closeOpen();
      const reason = finish.reason === 'length' ? 'max_output_tokens' : 'content_filter';
      await this.finish({ status: 'incomplete', incomplete_details: { reason } });
      return true;
    }
    await answer.end();
    const calls = this.addItems(answer);
    const server = calls.filter((call) => call.isServerCall);
    await this.carryOut(server);
    if (calls.length > 0 && server.length === calls.length) return false;
    if (calls.length === 0 && finish.reason === 'tool_calls') return false;
    await this.finish({ status: 'completed' });
    return true;
  }

  /** Adds what the answer has made to the output, at one moment: what is stored meanwhile has it in one place or the other. Returns its calls. */
  private addItems(answer: AnswerItems): CallItem[] {
    const { items, calls } = answer.handOn();
    this.add(items);
    return calls;
  }

  private async finish(fields: Partial<ResponseObject>): Promise<void> {
    const completed_at = fields.status === 'completed' ? Math.floor(this.ports.now() / 1000) : null;
    this.response = { ...this.response, completed_at, ...fields };
    await this.emit(responseEvent(this.response.status, this.response));
  }

  private async closeOpen(): Promise<void> {
    this.isEnding = true;
    for (const call of this.running.splice(0)) {
      await call.cut();
      this.replace(call);
    }
    await this.answer?.cut();
    if (this.answer) this.addItems(this.answer);
  }

  // Asking the model

  /** Asks the model, with less of what was said where the service says that its window is smaller than thought. */
  private async ask(): Promise<{ answer: AnswerItems; finish: Finish }> {
    for (;;) {
      const request = await this.request();
      const answer = this.newAnswer();
      this.answer = answer;
      try {
        return { answer, finish: await this.read(request, answer) };
      } catch (error) {
        const isFixed = answer.isBegun || this.response.truncation === 'disabled';
        const window = isFixed ? undefined : smallerWindow(error, this.window);
        if (window === undefined) throw isTooLong(error) ? errors.contextTooLong(error.message) : error;
        this.window = window;
      }
    }
  }

  private async request(): Promise<ChatRequest> {
    const { response, history, whole: output, files, parts, window } = this;
    const offered = [...this.offered.values()];
    // Once the server's tools were called as often as they may be, the model is not offered them.
    const tools = this.callsLeft > 0 ? offered : offered.filter(({ kind }) => kind === 'callers');
    return modelRequest({ settings: this.task.settings, response, history, output, files, parts, tools, window });
  }

  private newAnswer(): AnswerItems {
    const { key, items, settings } = this.task;
    const { offered, callsLeft, response, serverCalls } = this;
    const place = {
      key,
      first: response.output.length,
      items: [...items, ...response.output],
      containerId: serverCalls.containerId,
      offered,
      callsLeft,
      wantsLogprobs: wantsLogprobs(settings.body),
      roomForThoughts: roomForThoughts(response.output),
      sources: () => serverCalls.sources(this.whole),
    };
    return new AnswerItems(place, this.emit);
  }

  /** Reads an answer of the model. */
  private async read(request: ChatRequest, answer: AnswerItems): Promise<Finish> {
    const written: string[] = [];
    const { scope, patientUntil } = this.task;
    const patience = { expiresAt: patientUntil, tenant: scope.tenant, tellsThoughts: true };
    for await (const event of patientAnswer(this.ports, request, patience, this.signal)) {
      this.signal.throwIfAborted();
      await this.keeper.pace();
      if (event.type === 'finish') return this.counted(event, request, written);
      written.push(event.type === 'tool_call' ? event.arguments : event.text);
      await answer.take(event);
      if (answer.isFull) return this.counted({ type: 'finish', reason: 'length' }, request, written);
    }
    throw new ModelError('unavailable', 'The model ended its answer without saying why.');
  }

  /** Services that do not count leave it to us. */
  private async counted(finish: Finish, request: ChatRequest, written: string[]): Promise<Finish> {
    return finish.usage ? finish : { ...finish, usage: await estimatedUsage(request, written.join('')) };
  }

  private count({ usage, usageDetails, serviceTier }: Finish): void {
    const sum = addedUsage(this.response.usage, usage, usageDetails);
    this.response = { ...this.response, usage: sum, ...(serviceTier !== undefined && { service_tier: serviceTier }) };
  }

  // The server's tools

  /** Calls that a crashed owner was at, and that may be made again. Those of other servers may not: nobody knows what they did. */
  private async interrupted(): Promise<CallItem[]> {
    const open = this.response.output.flatMap((item, index) =>
      isServerCall(item) && item.status === 'in_progress' ? [new CallItem(item, index, this.emit)] : [],
    );
    for (const call of open) {
      if (call.item.type !== 'mcp_call') continue;
      await call.called({ output: null, error: protocolError(INTERNAL_ERROR, INTERRUPTED_CALL) });
      this.replace(call);
    }
    return open.filter(({ item }) => item.type !== 'mcp_call');
  }

  private replace({ outputIndex, item }: CallItem): void {
    this.response = { ...this.response, output: this.response.output.with(outputIndex, item) };
  }

  /** Calls that the caller has approved with this input, and that were not made yet. */
  private async approved(): Promise<CallItem[]> {
    const { output } = this.response;
    const calls = approvedCalls(this.task.items, output, this.task.key);
    this.add(calls);
    const begun = calls.map((call, index) => new CallItem(call, output.length + index, this.emit));
    for (const call of begun) await call.begin();
    return begun;
  }

  /** Carries out calls that stand in the output, one after the other. */
  private async carryOut(calls: CallItem[]): Promise<void> {
    if (calls.length === 0) return;
    await this.keeper.checkpoint();
    this.running = [...calls];
    for (const call of calls) {
      await this.serverCalls.carryOut(call);
      this.replace(call);
      this.running.shift();
    }
    await this.keeper.checkpoint();
  }
}
