/** The work of a response: turns of the model, and of the server's tools, until it ends or needs its caller. */
import { patientAnswer } from '../agentLoop/modelCall';
import type { CodeResult, FoundPassage } from '../agentLoop/ports';
import { CODE_INTERPRETER, InvalidToolCallError, NO_CODE, toolGuidance } from '../agentLoop/serverTools';
import { addLinks, type WrittenFile } from '../agentLoop/toolOutputs';
import { truncated, windowRoom, type PromptParts } from '../agentLoop/truncation';
import { ModelError, type ChatEvent, type ChatMessage, type ChatRequest } from '../models/ports';
import { contextWindow, estimatedUsage, isTooLong, smallerWindow } from '../models/promptTokens';
import { errors } from '../errors';
import type { Scope } from '../scope';
import type {
  CodeInterpreterCall,
  CodeOutput,
  FileSearchCall,
  McpCall,
  OutputItem,
  ResponseItem,
} from '../wire/responseItems';
import type { McpTool } from '../wire/responseTools';
import type { ResponseObject } from '../wire/responses';
import { CallItem } from './callItem';
import { isCallersCall, isServerCall } from './callKinds';
import { chatMessages, markedPassages, searchMessages, type FilesOfCalls, type PartReader } from './chatItems';
import { containerFiles, noteContainerFiles } from './containerFiles';
import { INTERNAL_ERROR, McpServers, protocolError } from './mcpServers';
import { MessageItem } from './messageItem';
import { addedUsage, logprobsOf, sampling } from './chatSampling';
import { toolFields } from './toolFields';
import { codeFiles, wantsLogprobs, type Settings } from './newResponse';
import { offeredTools, type OfferedTool } from './offeredTools';
import type { ResponsesPorts } from './ports';
import { responseEvent, type ResponseSink } from './responseEvents';
import { itemPrefixes, newItemId, type ResponseKey } from './responseIds';
import { isIncomplete, type ToldItem } from './toldItems';

/** A model that only calls tools would go on for ever. */
const MAX_TURNS = 100;
/** Of all results of a response's tools together, which are stored with it. */
const MAX_RESULT_BYTES = 1024 * 1024;
/** Of the whole response, which is one record. */
const MAX_RESPONSE_BYTES = 1792 * 1024;
/** Of the files that code wrote before, how many an answer may link. */
const LINKED_FILES = 100;
/** Of what one piece of code prints; models read no more. */
const MAX_LOG_CHARACTERS = 64 * 1024;
const DEFAULT_SEARCH_RESULTS = 20;

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
  readonly files: FilesOfCalls;
  /** What is being written and called just now, at their places in the output. */
  private message: MessageItem | undefined;
  private calls: CallItem[] = [];
  /** Calls in the output that are being carried out, or wait for it. */
  private running: CallItem[] = [];
  private isEnding = false;
  /** What this turn of the model has finished, at its place in the output. */
  private finished: { index: number; item: OutputItem }[] = [];
  private offered = new Map<string, OfferedTool>();
  private history: ChatMessage[] = [];
  private readonly servers: McpServers;
  /** What code wrote in the container before. */
  private containerFiles: WrittenFile[] = [];
  private window: number;
  private resultBytes = 0;
  private usedCalls: number;

  constructor(
    private readonly ports: ResponsesPorts,
    private readonly task: ResponseTask,
    private readonly emit: ResponseSink,
    private readonly signal: AbortSignal,
    private readonly parts: PartReader,
    private readonly keeper: Keeper = keepsNothing,
  ) {
    this.response = task.response;
    this.files = { ...task.files };
    this.window = contextWindow(task.settings.model);
    this.servers = new McpServers(ports.mcp, task, emit, signal);
    const made = this.whole.filter(isServerCall);
    this.usedCalls = made.length;
    for (const call of made) if ('results' in call || 'outputs' in call) this.fits(JSON.stringify(call));
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
    if (this.offered.has(CODE_INTERPRETER)) {
      const newest = { order: 'desc' as const, limit: LINKED_FILES };
      const { data } = await containerFiles(this.ports, this.task.scope, this.containerId, newest);
      this.containerFiles = data.map(({ id: fileId, path }) => ({ fileId, path })).reverse();
    }
  }

  /** Ends what is open, and the response, as the error that stopped it has it. */
  async end(status: 'failed' | 'cancelled' | 'incomplete', fields: Partial<ResponseObject>): Promise<void> {
    await this.closeOpen();
    await this.finish({ status, ...fields });
  }

  /** Whether anything was put out that a caller could not have by asking again. */
  get hasOutput(): boolean {
    return (
      this.response.output.some(({ type }) => type !== 'mcp_list_tools') ||
      this.message !== undefined ||
      this.calls.length > 0
    );
  }

  /** What was told of that the output does not hold yet. */
  get told(): ToldItem[] {
    const { message, calls, finished } = this;
    const { asked } = this.servers;
    return [
      ...finished.map((one): ToldItem => ({ ...one, told: 'whole' })),
      ...(message ? [{ index: message.outputIndex, item: message.item('in_progress'), told: 'begun' as const }] : []),
      ...calls.map(({ outputIndex: index, item, isShown }): ToldItem => ({
        index,
        item,
        told: isShown ? 'begun' : 'nothing',
      })),
      ...(asked ? [{ ...asked, told: 'begun' as const }] : []),
    ];
  }

  /** The output but for what was broken off. */
  private get whole(): OutputItem[] {
    return this.response.output.filter((item) => !('status' in item && isIncomplete(item)));
  }

  private get at(): number {
    return Math.floor(this.ports.now() / 1000);
  }

  private get nextIndex(): number {
    return this.response.output.length + this.finished.length + (this.message ? 1 : 0) + this.calls.length;
  }

  /** Throws where the response would not fit into a record any more; at its end what does not fit is left out. */
  private add(items: OutputItem[]): void {
    const response = { ...this.response, output: [...this.response.output, ...items] };
    if (Buffer.byteLength(JSON.stringify(response)) <= MAX_RESPONSE_BYTES) this.response = response;
    else if (!this.isEnding) throw new InvalidToolCallError('The output of the response grew too large to be stored.');
  }

  /** One call of the model and what follows from it; whether the response is over with that. */
  private async turn(): Promise<boolean> {
    const finish = await this.ask();
    this.count(finish);
    if (finish.reason === 'content_filter' || finish.reason === 'length') {
      await this.closeOpen();
      const reason = finish.reason === 'length' ? 'max_output_tokens' : 'content_filter';
      await this.finish({ status: 'incomplete', incomplete_details: { reason } });
      return true;
    }
    await this.closeMessage('completed');
    for (const call of this.calls) await call.argumentsEnd();
    const calls = this.calls.splice(0);
    this.addFinished(calls);
    const server = calls.filter((call) => call.isServerCall);
    await this.carryOut(server);
    if (calls.length > 0 && server.length === calls.length) return false;
    if (calls.length === 0 && finish.reason === 'tool_calls') return false;
    await this.finish({ status: 'completed' });
    return true;
  }

  private async finish(fields: Partial<ResponseObject>): Promise<void> {
    this.response = { ...this.response, completed_at: fields.status === 'completed' ? this.at : null, ...fields };
    await this.emit(responseEvent(this.response.status, this.response));
  }

  private async closeMessage(status: 'completed' | 'incomplete'): Promise<void> {
    if (!this.message) return;
    const { message } = this;
    this.message = undefined;
    this.finished.push({ index: message.outputIndex, item: await message.end(status) });
  }

  /** Text may stand before calls and behind them. */
  private addFinished(calls: CallItem[]): void {
    const all = [...this.finished.splice(0), ...calls.map(({ outputIndex, item }) => ({ index: outputIndex, item }))];
    this.add(all.sort((a, b) => a.index - b.index).map(({ item }) => item));
  }

  private async closeOpen(): Promise<void> {
    this.isEnding = true;
    for (const call of this.running.splice(0)) {
      await call.cut();
      this.replace(call);
    }
    await this.closeMessage('incomplete');
    for (const call of this.calls) await call.cut();
    this.addFinished(this.calls.splice(0).filter(({ isShown }) => isShown));
  }

  // Asking the model

  /** Asks the model, with less of what was said where the service says that its window is smaller than thought. */
  private async ask(): Promise<Finish> {
    for (;;) {
      const request = await this.request();
      try {
        return await this.read(request);
      } catch (error) {
        const isBegun = this.message !== undefined || this.calls.length > 0;
        const window =
          isBegun || this.response.truncation === 'disabled' ? undefined : smallerWindow(error, this.window);
        if (window === undefined) throw isTooLong(error) ? errors.contextTooLong(error.message) : error;
        this.window = window;
      }
    }
  }

  private async request(): Promise<ChatRequest> {
    const { response, task, window } = this;
    const used = response.usage?.output_tokens ?? 0;
    const left = response.max_output_tokens === null ? undefined : Math.max(1, response.max_output_tokens - used);
    const tools = this.toolsLeft();
    const guidance = toolGuidance(task.settings.tools.map(({ type }) => type));
    const instructions = [response.instructions, ...guidance].filter(Boolean).join('\n\n');
    const whole: PromptParts = {
      model: task.settings.model,
      instructions: instructions ? [{ role: 'system', content: instructions }] : [],
      history: this.history,
      steps: await this.ownMessages(),
      tools: tools.map(({ chat }) => chat),
    };
    const hasCalled = this.whole.some(({ type }) => type.endsWith('_call'));
    const isCut = response.truncation === 'auto';
    const parts = isCut ? ((await truncated(whole, { window: windowRoom(window, left) })) ?? whole) : whole;
    return {
      model: task.settings.model,
      messages: [...parts.instructions, ...parts.history, ...parts.steps],
      ...toolFields(tools, response, task.settings.tools, hasCalled),
      ...sampling(task.settings),
      ...(left !== undefined && { max_completion_tokens: left }),
    };
  }

  /** Once the server's tools were called as often as they may be, the model is not offered them. */
  private toolsLeft(): OfferedTool[] {
    const { max_tool_calls: most } = this.response;
    const offered = [...this.offered.values()];
    return most !== null && this.usedCalls >= most ? offered.filter(({ kind }) => kind === 'function') : offered;
  }

  /** What the response did so far, as the model reads it. */
  private async ownMessages(): Promise<ChatMessage[]> {
    let search = 0;
    const messages: ChatMessage[] = [];
    for (const item of this.whole) {
      if (item.type === 'file_search_call') messages.push(...searchMessages(item, search++));
      else messages.push(...(await chatMessages([item], this.parts, this.files)));
    }
    return messages;
  }

  /** Reads an answer: its text into a message, its calls into items. */
  private async read(request: ChatRequest): Promise<Finish> {
    const written: string[] = [];
    const { scope, patientUntil } = this.task;
    const patience = { expiresAt: patientUntil, tenant: scope.tenant };
    /** Calls of tools that may not be called any more. */
    const ignored = new Set<number>();
    for await (const event of patientAnswer(this.ports, request, patience, this.signal)) {
      this.signal.throwIfAborted();
      await this.keeper.pace();
      if (event.type === 'finish') return this.counted(event, request, written);
      written.push(event.type === 'tool_call' ? event.arguments : event.text);
      if (event.type === 'tool_call') {
        if (!ignored.has(event.index)) await this.takeCall(event, ignored);
        continue;
      }
      const message = this.message ?? (await this.beginMessage());
      if (event.type === 'refusal') await message.refuse(event.text);
      else await message.write(event.text, wantsLogprobs(this.task.settings.body) ? logprobsOf(event.logprobs) : []);
      if (message.isFull) return this.counted({ type: 'finish', reason: 'length' }, request, written);
    }
    throw new ModelError('unavailable', 'The model ended its answer without saying why.');
  }

  private async beginMessage(): Promise<MessageItem> {
    const links = new Map<string, string>();
    addLinks(links, [...this.containerFiles, ...Object.values(this.files).flat()]);
    const searches = this.whole.filter((item) => item.type === 'file_search_call');
    const passages = new Map<string, FoundPassage>(searches.flatMap((call, search) => markedPassages(call, search)));
    // Text behind the calls of a turn is a message of its own.
    const id = newItemId(itemPrefixes.message, this.task.key);
    this.message = new MessageItem(id, this.nextIndex, { passages, links, containerId: this.containerId }, this.emit);
    await this.message.begin();
    return this.message;
  }

  private readonly callOfIndex = new Map<number, CallItem>();

  private async takeCall(piece: Extract<ChatEvent, { type: 'tool_call' }>, ignored: Set<number>): Promise<void> {
    let call = this.calls.length > 0 ? this.callOfIndex.get(piece.index) : undefined;
    if (!call) {
      const offered = this.offered.get(piece.name ?? '');
      if (!piece.id || !offered)
        throw new InvalidToolCallError(
          `The model called a tool that the response does not have: '${(piece.name ?? '').slice(0, 64)}'.`,
        );
      if (offered.kind !== 'function' && !this.mayCall()) {
        ignored.add(piece.index);
        return;
      }
      // Its text comes first, and is whole.
      await this.closeMessage('completed');
      const place = {
        key: this.task.key,
        callId: this.freeCallId(piece.id),
        containerId: this.containerId,
        outputIndex: this.nextIndex,
      };
      call = CallItem.begun(offered, place, this.emit);
      if (this.calls.length === 0) this.callOfIndex.clear();
      this.calls.push(call);
      this.callOfIndex.set(piece.index, call);
      if (call.isServerCall) this.usedCalls += 1;
      await call.begin();
    }
    await call.take(piece.arguments);
  }

  private mayCall(): boolean {
    const { max_tool_calls: most } = this.response;
    return most === null || this.usedCalls < most;
  }

  /** Some local servers give every call the same id, but outputs are handed in by it. */
  private freeCallId(id: string): string {
    const items = [...this.task.items, ...this.response.output, ...this.calls.map(({ item }) => item)];
    const taken = new Set(items.flatMap((item) => (item.type === 'function_call' ? [item.call_id] : [])));
    let free = id;
    for (let number = 1; taken.has(free); number += 1) free = `${id}_${number}`;
    return free;
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
    const made = new Set(
      [...this.task.items, ...this.response.output].flatMap((item) =>
        item.type === 'mcp_call' ? [item.approval_request_id] : [],
      ),
    );
    const requests = new Map(
      this.task.items.flatMap((item) => (item.type === 'mcp_approval_request' ? [[item.id, item]] : [])),
    );
    const calls: McpCall[] = this.task.items.flatMap((item) => {
      if (item.type !== 'mcp_approval_response' || !item.approve || made.has(item.approval_request_id)) return [];
      const request = requests.get(item.approval_request_id);
      if (!request) return [];
      const { server_label, name, arguments: given, id: approval_request_id } = request;
      const id = newItemId(itemPrefixes.mcp_call, this.task.key);
      return [
        {
          id,
          type: 'mcp_call',
          status: 'in_progress',
          server_label,
          name,
          arguments: given,
          output: null,
          error: null,
          approval_request_id,
        },
      ];
    });
    const first = this.response.output.length;
    this.usedCalls += calls.length;
    this.add(calls);
    const begun = calls.map((call, index) => new CallItem(call, first + index, this.emit));
    for (const call of begun) await call.begin();
    return begun;
  }

  /** Carries out calls that stand in the output, one after the other. */
  private async carryOut(calls: CallItem[]): Promise<void> {
    if (calls.length === 0) return;
    await this.keeper.checkpoint();
    this.running = [...calls];
    for (const call of calls) {
      await this.carryOutOne(call);
      this.replace(call);
      this.running.shift();
    }
    await this.keeper.checkpoint();
  }

  private async carryOutOne(call: CallItem): Promise<void> {
    const { item } = call;
    if (item.type === 'file_search_call') {
      await call.tell('searching');
      await call.found((await this.search(item)).filter(({ text }) => this.fits(text)).map(resultOf));
    }
    if (item.type === 'code_interpreter_call') {
      await call.tell('interpreting');
      const outputs = await this.runCode(item);
      await call.ran(outputs, this.files[item.id] ?? []);
    }
    if (item.type === 'mcp_call') {
      const server = this.task.settings.tools.find(
        (tool): tool is McpTool => tool.type === 'mcp' && tool.server_label === item.server_label,
      );
      await call.called(await this.servers.call(server, item, (text) => this.fits(text)));
    }
  }

  private async search({ queries }: FileSearchCall): Promise<FoundPassage[]> {
    const offered = this.offered.get('file_search');
    if (offered?.kind !== 'file_search' || queries.length === 0) return [];
    const {
      vector_store_ids: stores,
      max_num_results: limit = DEFAULT_SEARCH_RESULTS,
      ranking_options: ranking,
      filters,
    } = offered.tool;
    const options = { limit, scoreThreshold: ranking?.score_threshold ?? 0, ranking, ...(filters && { filters }) };
    return this.ports.fileSearch.search(this.task.scope, stores, queries, options, this.signal);
  }

  private async runCode({ id, code, container_id: session }: CodeInterpreterCall): Promise<CodeOutput[]> {
    const { images, files, logs } = code?.trim() ? await this.runInContainer(code, session) : NO_CODE;
    this.files[id] = [...images, ...files].map(({ fileId, path }): WrittenFile => ({
      fileId,
      path: path.startsWith('/') ? path : `/mnt/data/${path}`,
    }));
    await noteContainerFiles(this.ports, this.task.scope, session, this.files[id]);
    const kept = logs.length > MAX_LOG_CHARACTERS ? `${logs.slice(0, MAX_LOG_CHARACTERS).toWellFormed()}…` : logs;
    return [
      ...(kept
        ? [{ type: 'logs' as const, logs: this.fits(kept) ? kept : 'There is no room left for this output.' }]
        : []),
      ...images.map(({ fileId }) => ({ type: 'image' as const, url: fileId })),
    ];
  }

  private async runInContainer(code: string, session: string): Promise<CodeResult> {
    const offered = this.offered.get('code_interpreter');
    const fileIds = offered?.kind === 'code_interpreter' ? codeFiles(offered.tool) : [];
    const { codeInterpreter } = this.ports;
    if (!codeInterpreter) throw new InvalidToolCallError('There is no code interpreter any more.');
    return codeInterpreter.run({ scope: this.task.scope, session, code, fileIds }, this.signal);
  }

  /** The container that the request names, or that of earlier code, or a new one. */
  private get containerId(): string {
    const tool = this.task.settings.tools.find(({ type }) => type === 'code_interpreter');
    if (tool?.type === 'code_interpreter' && typeof tool.container === 'string') return tool.container;
    const earlier = this.task.items.findLast((item) => item.type === 'code_interpreter_call');
    return earlier?.container_id ?? `cntr_${this.task.key.chain}${this.task.key.turn}`;
  }

  private fits(text: string): boolean {
    this.resultBytes += Buffer.byteLength(JSON.stringify(text));
    return this.resultBytes <= MAX_RESULT_BYTES;
  }
}

const INTERRUPTED_CALL =
  'The server was interrupted while the tool was called. Whether the call took effect is not known, so it was not made again.';

const resultOf = ({ fileId, filename, score, text, attributes }: FoundPassage) => ({
  file_id: fileId,
  filename,
  score,
  text,
  attributes,
});
