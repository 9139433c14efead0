/** A call that the model makes, from its first piece to its result, with its events. */
import { CodeArguments } from '../agentLoop/codeArguments';
import { CODE_INTERPRETER, FILE_SEARCH, InvalidToolCallError, queriesOf } from '../agentLoop/serverTools';
import type { WrittenFile } from '../agentLoop/toolOutputs';
import type { CodeOutput, FileSearchCall, OutputItem, SearchResult } from '../wire/responseItems';
import { isServerCall } from './callKinds';
import { chatToolName } from '../models/ports';
import type { OfferedTool } from './offeredTools';
import { itemAdded, itemDone, itemEvent, type ResponseEvent, type ResponseSink } from './responseEvents';
import { itemPrefixes, newItemId, type ResponseKey } from './responseIds';

/** Bytes of the arguments of one call. */
const MAX_ARGUMENT_BYTES = 512 * 1024;

/** The item of a call before its arguments are known. */
function newCall(offered: OfferedTool, key: ResponseKey, callId: string, containerId: string): OutputItem {
  switch (offered.kind) {
    case 'callers': {
      const given = { status: 'in_progress' as const, call_id: callId, name: chatToolName(offered.chat) };
      return offered.chat.type === 'function'
        ? { id: newItemId(itemPrefixes.function_call, key), type: 'function_call', ...given, arguments: '' }
        : { id: newItemId(itemPrefixes.custom_tool_call, key), type: 'custom_tool_call', ...given, input: '' };
    }
    case FILE_SEARCH:
      return {
        id: newItemId(itemPrefixes.file_search_call, key),
        type: 'file_search_call',
        status: 'in_progress',
        queries: [],
        results: null,
      };
    case CODE_INTERPRETER:
      return {
        id: newItemId(itemPrefixes.code_interpreter_call, key),
        type: 'code_interpreter_call',
        status: 'in_progress',
        container_id: containerId,
        code: '',
        outputs: [],
      };
    case 'mcp': {
      const { server_label } = offered.tool;
      return offered.needsApproval
        ? {
            id: newItemId(itemPrefixes.mcp_approval_request, key),
            type: 'mcp_approval_request',
            server_label,
            name: offered.name,
            arguments: '',
          }
        : {
            id: newItemId(itemPrefixes.mcp_call, key),
            type: 'mcp_call',
            status: 'in_progress',
            server_label,
            name: offered.name,
            arguments: '',
            output: null,
            error: null,
            approval_request_id: null,
          };
    }
  }
}

export class CallItem {
  item: OutputItem;
  private argumentText = '';
  private argumentBytes = 0;
  private written: WrittenFile[] = [];
  private isWhole = false;
  private readonly code = new CodeArguments();

  constructor(
    item: OutputItem,
    readonly outputIndex: number,
    private readonly emit: ResponseSink,
  ) {
    this.item = item;
  }

  static begun(
    offered: OfferedTool,
    {
      key,
      callId,
      containerId,
      outputIndex,
    }: { key: ResponseKey; callId: string; containerId: string; outputIndex: number },
    emit: ResponseSink,
  ): CallItem {
    return new CallItem(newCall(offered, key, callId, containerId), outputIndex, emit);
  }

  /** Whether events have told of it: a request for approval is shown once it is whole. */
  get isShown(): boolean {
    return this.item.type !== 'mcp_approval_request' || this.isWhole;
  }

  async begin(): Promise<void> {
    if (this.isShown) await this.emit(itemAdded(this.outputIndex, { ...this.item }));
    await this.tell('in_progress');
  }

  /** Takes a piece of the arguments. Throws {@link InvalidToolCallError} where they grow too long. */
  async take(piece: string): Promise<void> {
    this.argumentText += piece;
    this.argumentBytes += Buffer.byteLength(piece);
    if (this.argumentBytes > MAX_ARGUMENT_BYTES)
      throw new InvalidToolCallError('The model called a tool with too long arguments.');
    if (!piece) return;
    const { type } = this.item;
    if (type === 'function_call') await this.emit(this.event('function_call_arguments.delta', { delta: piece }));
    if (type === 'custom_tool_call') await this.emit(this.event('custom_tool_call_input.delta', { delta: piece }));
    if (type === 'mcp_call') await this.emit(this.event('mcp_call_arguments.delta', { delta: piece }));
    if (type === 'code_interpreter_call') await this.tellCode(this.code.push(piece));
  }

  /** The arguments are whole. A call that the server does not carry out is over with that. */
  async argumentsEnd(): Promise<void> {
    const { item, argumentText } = this;
    this.isWhole = true;
    switch (item.type) {
      case 'function_call':
        this.item = { ...item, arguments: argumentText, status: 'completed' };
        await this.emit(this.event('function_call_arguments.done', { name: item.name, arguments: argumentText }));
        await this.done();
        break;
      case 'custom_tool_call':
        this.item = { ...item, input: argumentText, status: 'completed' };
        await this.emit(this.event('custom_tool_call_input.done', { input: argumentText }));
        await this.done();
        break;
      case 'mcp_approval_request':
        this.item = { ...item, arguments: argumentText };
        await this.emit(itemAdded(this.outputIndex, this.item));
        await this.done();
        break;
      case 'mcp_call':
        this.item = { ...item, arguments: argumentText };
        await this.emit(this.event('mcp_call_arguments.done', { arguments: argumentText }));
        break;
      case 'file_search_call':
        this.item = { ...item, queries: queriesOf(argumentText) };
        break;
      case 'code_interpreter_call':
        await this.tellCode(this.code.end());
        this.item = { ...item, code: this.code.code };
        await this.emit(this.event('code_interpreter_call_code.done', { code: this.code.code }));
        break;
      case 'mcp_list_tools':
      case 'message':
      case 'reasoning':
        throw new Error(`An item of the type ${item.type} is no call.`);
    }
  }

  /** Whether the server carries it out. */
  get isServerCall(): boolean {
    return isServerCall(this.item);
  }

  /** `searching`, `interpreting`. */
  async tell(state: string): Promise<void> {
    if (this.isServerCall) await this.emit(this.event(`${this.item.type}.${state}`));
  }

  async found(results: SearchResult[]): Promise<void> {
    if (this.item.type !== 'file_search_call') return;
    const call: FileSearchCall = { ...this.item, status: 'completed', results };
    await this.finish(call, 'completed');
  }

  /** The code ran; `written` are its files, images among them. */
  async ran(outputs: CodeOutput[], written: WrittenFile[]): Promise<void> {
    if (this.item.type !== 'code_interpreter_call') return;
    this.written = written;
    await this.finish({ ...this.item, status: 'completed', outputs }, 'completed');
  }

  async called(result: {
    output: string | null;
    error: { type: string; [field: string]: unknown } | null;
  }): Promise<void> {
    if (this.item.type !== 'mcp_call') return;
    const state = result.error ? 'failed' : 'completed';
    await this.finish({ ...this.item, ...result, status: state }, state);
  }

  /** The model was cut off, or the response ends otherwise: the call stays as far as it got. */
  async cut(): Promise<void> {
    const { item, argumentText } = this;
    switch (item.type) {
      case 'function_call':
        this.item = { ...item, arguments: argumentText, status: 'incomplete' };
        break;
      case 'custom_tool_call':
        this.item = { ...item, input: argumentText, status: 'incomplete' };
        break;
      case 'mcp_call':
        this.item = { ...item, arguments: item.arguments || argumentText, status: 'incomplete' };
        break;
      case 'code_interpreter_call':
        this.item = { ...item, code: item.code || this.code.code, status: 'incomplete' };
        break;
      case 'file_search_call':
        this.item = { ...item, status: 'incomplete' };
        break;
      default:
        break;
    }
    // A request that nobody was shown is none.
    if (this.isShown) await this.done();
  }

  private async finish(item: OutputItem, state: string): Promise<void> {
    this.item = item;
    await this.tell(state);
    await this.done();
  }

  private async done(): Promise<void> {
    await this.emit(itemDone(this.outputIndex, this.item));
  }

  private async tellCode(delta: string): Promise<void> {
    if (delta) await this.emit(this.event('code_interpreter_call_code.delta', { delta }));
  }

  private event(name: string, fields: Record<string, unknown> = {}): ResponseEvent {
    const event = itemEvent(name, this.item, this.outputIndex, fields);
    return this.item.type === 'code_interpreter_call'
      ? { ...event, execution: { call: this.item, files: this.written } }
      : event;
  }
}
