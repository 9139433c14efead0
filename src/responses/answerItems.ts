/** The items that one answer of the model becomes while it is written: text and calls, each at its place in the output. */
import { InvalidToolCallError } from '../agentLoop/serverTools';
import type { ChatEvent } from '../models/ports';
import type { OutputItem, ResponseItem } from '../wire/responseItems';
import { isCallOfOutput } from './callKinds';
import { CallItem } from './callItem';
import { logprobsOf } from './chatSampling';
import { MessageItem, type MessageSources } from './messageItem';
import type { OfferedTool } from './offeredTools';
import type { ResponseSink } from './responseEvents';
import { ReasoningItem } from './reasoningItem';
import { itemPrefixes, newItemId, type ResponseKey } from './responseIds';
import type { ToldItem } from './toldItems';

type CallPiece = Extract<ChatEvent, { type: 'tool_call' }>;

/** What surrounds an answer. */
export interface AnswerPlace {
  key: ResponseKey;
  /** Place of its first item in the output. */
  first: number;
  /** Everything before it. */
  items: ResponseItem[];
  /** Where its code runs. */
  containerId: string;
  /** By the names that the model calls. */
  offered: ReadonlyMap<string, OfferedTool>;
  /** How many calls of the server's tools it may make; further ones are left out. */
  callsLeft: number;
  wantsLogprobs: boolean;
  /** Bytes that may be told of what the model thinks. */
  roomForThoughts: number;
  /** What text that begins now may refer to. */
  sources: () => MessageSources;
}

export class AnswerItems {
  /** What is being written. */
  private open: MessageItem | ReasoningItem | undefined;
  private calls: CallItem[] = [];
  /** What is whole already. */
  private finished: { index: number; item: OutputItem }[] = [];
  private readonly callOfIndex = new Map<number, CallItem>();
  /** Calls of tools that may not be called any more. */
  private readonly ignored = new Set<number>();

  constructor(
    private readonly place: AnswerPlace,
    private readonly emit: ResponseSink,
  ) {}

  get isBegun(): boolean {
    return this.open !== undefined || this.finished.length > 0 || this.calls.length > 0;
  }

  /** Whether the text is as long as a message may be. */
  get isFull(): boolean {
    return this.open?.isFull ?? false;
  }

  /** What was told of that is not handed on yet. */
  get told(): ToldItem[] {
    const { open, calls, finished } = this;
    return [
      ...finished.map((one): ToldItem => ({ ...one, told: 'whole' })),
      ...(open ? [{ index: open.outputIndex, item: open.item('in_progress'), told: 'begun' as const }] : []),
      ...calls.map(({ outputIndex: index, item, isShown }): ToldItem => ({
        index,
        item,
        told: isShown ? 'begun' : 'nothing',
      })),
    ];
  }

  /** Takes what the model says next. Throws {@link InvalidToolCallError} for a call of a tool that there is not. */
  async take(event: Exclude<ChatEvent, { type: 'finish' }>): Promise<void> {
    if (event.type === 'tool_call') return this.takeCall(event);
    if (event.type === 'reasoning') {
      if (this.place.roomForThoughts <= 0) return;
      const reasoning = this.open instanceof ReasoningItem ? this.open : await this.begin(this.newReasoning);
      return reasoning.write(event.text);
    }
    const message = this.open instanceof MessageItem ? this.open : await this.begin(this.newMessage);
    if (event.type === 'refusal') await message.refuse(event.text);
    else await message.write(event.text, this.place.wantsLogprobs ? logprobsOf(event.logprobs) : []);
  }

  /** The answer is whole. {@link handOn} must follow. */
  async end(): Promise<void> {
    await this.close('completed');
    for (const call of this.calls) await call.argumentsEnd();
  }

  /** The answer ends as far as it got; of calls that nobody was told of nothing stays. As {@link end}. */
  async cut(): Promise<void> {
    await this.close('incomplete');
    for (const call of this.calls) await call.cut();
    this.calls = this.calls.filter(({ isShown }) => isShown);
  }

  /** The items in their order, and those of them that are calls: they are the output's from now on. */
  handOn(): { items: OutputItem[]; calls: CallItem[] } {
    const calls = this.calls.splice(0);
    // Text may stand before calls and behind them.
    const all = [...this.finished.splice(0), ...calls.map(({ outputIndex, item }) => ({ index: outputIndex, item }))];
    return { items: all.sort((a, b) => a.index - b.index).map(({ item }) => item), calls };
  }

  private get nextIndex(): number {
    return this.place.first + this.finished.length + (this.open ? 1 : 0) + this.calls.length;
  }

  // Text behind the calls of a turn is a message of its own.
  private readonly newMessage = (): MessageItem =>
    new MessageItem(newItemId(itemPrefixes.message, this.place.key), this.nextIndex, this.place.sources(), this.emit);

  private readonly newReasoning = (): ReasoningItem =>
    new ReasoningItem(
      newItemId(itemPrefixes.reasoning, this.place.key),
      this.nextIndex,
      this.place.roomForThoughts,
      this.emit,
    );

  /** Begins an item behind the others; the one that is open is whole with that. */
  private async begin<T extends MessageItem | ReasoningItem>(make: () => T): Promise<T> {
    await this.close('completed');
    const item = make();
    this.open = item;
    await item.begin();
    return item;
  }

  private async close(status: 'completed' | 'incomplete'): Promise<void> {
    if (!this.open) return;
    const { open } = this;
    this.open = undefined;
    this.finished.push({ index: open.outputIndex, item: await open.end(status) });
  }

  private async takeCall(piece: CallPiece): Promise<void> {
    if (this.ignored.has(piece.index)) return;
    const call = this.callOfIndex.get(piece.index) ?? (await this.beginCall(piece));
    await call?.take(piece.arguments);
  }

  /** Undefined for one that may not be made any more. */
  private async beginCall({ index, id, name = '' }: CallPiece): Promise<CallItem | undefined> {
    const { key, offered, containerId, callsLeft } = this.place;
    const tool = offered.get(name);
    if (!id || !tool)
      throw new InvalidToolCallError(
        `The model called a tool that the response does not have: '${name.slice(0, 64)}'.`,
      );
    if (tool.kind !== 'callers' && this.calls.filter(({ isServerCall }) => isServerCall).length >= callsLeft) {
      this.ignored.add(index);
      return undefined;
    }
    // Its text comes first, and is whole.
    await this.close('completed');
    const callId = this.freeCallId(id);
    const call = CallItem.begun(tool, { key, callId, containerId, outputIndex: this.nextIndex }, this.emit);
    this.calls.push(call);
    this.callOfIndex.set(index, call);
    await call.begin();
    return call;
  }

  /** Some local servers give every call the same id, but outputs are handed in by it. */
  private freeCallId(id: string): string {
    const items = [...this.place.items, ...this.calls.map(({ item }) => item)];
    const taken = new Set(items.flatMap((item) => (isCallOfOutput(item) ? [item.call_id] : [])));
    let free = id;
    for (let number = 1; taken.has(free); number += 1) free = `${id}_${number}`;
    return free;
  }
}
