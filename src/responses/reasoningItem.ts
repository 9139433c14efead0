/** What a model tells of its thoughts while it answers, as an item with its events. Services that keep them to themselves tell nothing. */
import type { ItemStatus, OutputItem, Reasoning } from '../wire/responseItems';
import { itemAdded, itemDone, itemEvent, type ResponseSink } from './responseEvents';

/** Bytes of one item's text as JSON: events that tell it whole are stored in one write with the response. */
const MAX_BYTES = 128 * 1024;
/** Of all items of a response, which leave room for its answer. */
const MAX_ALL_BYTES = 512 * 1024;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** How many bytes more the response `output` may tell of thoughts; none are told where it is not above 0. */
export function roomForThoughts(output: OutputItem[]): number {
  const told = output.reduce((sum, item) => (item.type === 'reasoning' ? sum + bytesOf(item) : sum), 0);
  return Math.min(MAX_BYTES, MAX_ALL_BYTES - told);
}

export class ReasoningItem {
  /** Thoughts that go on for longer than there is room are told no further; the answer may still be short. */
  readonly isFull = false;
  private text = '';

  constructor(
    readonly id: string,
    readonly outputIndex: number,
    private room: number,
    private readonly emit: ResponseSink,
  ) {}

  /** The item as it is now. */
  item(status: ItemStatus): Reasoning {
    return { id: this.id, type: 'reasoning', status, summary: [], content: this.text ? [this.part] : [] };
  }

  async begin(): Promise<void> {
    await this.emit(itemAdded(this.outputIndex, this.item('in_progress')));
    await this.emit(this.event('content_part.added', { part: this.part }));
  }

  async write(text: string): Promise<void> {
    this.room -= bytesOf(text);
    if (this.room < 0) return;
    this.text += text;
    await this.emit(this.event('reasoning_text.delta', { delta: text }));
  }

  async end(status: ItemStatus): Promise<Reasoning> {
    const item = this.item(status);
    await this.emit(this.event('reasoning_text.done', { text: this.text }));
    await this.emit(this.event('content_part.done', { part: this.part }));
    await this.emit(itemDone(this.outputIndex, item));
    return item;
  }

  private get part() {
    return { type: 'reasoning_text' as const, text: this.text };
  }

  private event(name: string, fields: Record<string, unknown>) {
    return itemEvent(name, this, this.outputIndex, { content_index: 0, ...fields });
  }
}
