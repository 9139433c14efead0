/** The message that a response writes, with its events. */
import { CitationReader, type Piece, type Sources } from '../agentLoop/citations';
import type {
  ItemStatus,
  Logprob,
  OutputMessage,
  OutputText,
  Refusal,
  ResponseAnnotation,
} from '../wire/responseItems';
import { itemAdded, itemDone, itemEvent, type ResponseSink } from './responseEvents';

/** What a message may refer to. */
export interface MessageSources extends Sources {
  /** Where the code ran that wrote the linked files. */
  containerId: string;
}

export class MessageItem {
  private readonly reader: CitationReader;
  private readonly content: (OutputText | Refusal)[] = [];
  /** Of tokens whose text was not told yet. */
  private logprobs: Logprob[] = [];
  private isOpen = false;

  constructor(
    readonly id: string,
    readonly outputIndex: number,
    private readonly sources: MessageSources,
    private readonly emit: ResponseSink,
  ) {
    this.reader = new CitationReader(sources);
  }

  /** Whether the text is as long as a message may be. */
  get isFull(): boolean {
    return this.reader.isFull;
  }

  /** The message as it is now. */
  item(status: ItemStatus): OutputMessage {
    return {
      id: this.id,
      type: 'message',
      role: 'assistant',
      status,
      content: this.content.map((part) => ({ ...part })),
    };
  }

  async begin(): Promise<void> {
    await this.emit(itemAdded(this.outputIndex, this.item('in_progress')));
  }

  async write(text: string, logprobs: Logprob[] = []): Promise<void> {
    this.logprobs.push(...logprobs);
    await this.tell(this.reader.push(text));
  }

  async refuse(text: string): Promise<void> {
    const part = await this.part('refusal');
    if (part.type !== 'refusal') return;
    part.refusal += text;
    await this.emit(this.event('refusal.delta', { delta: text }));
  }

  /** Ends the message; what was held back of its text comes first. */
  async end(status: ItemStatus): Promise<OutputMessage> {
    await this.tell(this.reader.end());
    if (this.content.length === 0) await this.part('output_text');
    await this.closePart();
    const item = this.item(status);
    await this.emit(itemDone(this.outputIndex, item));
    return item;
  }

  private async tell(pieces: Piece[]): Promise<void> {
    for (const { text, annotation } of pieces) {
      const part = await this.part('output_text');
      if (part.type !== 'output_text') continue;
      const cites = annotation?.type === 'file_citation';
      // A marker is for the reader of our own; the text that goes out has its place in the annotation.
      if (!cites) {
        const start = part.text.length;
        part.text += text;
        const logprobs = this.logprobs.splice(0);
        part.logprobs.push(...logprobs);
        await this.emit(this.event('output_text.delta', { delta: text, logprobs }));
        if (annotation?.type === 'file_path')
          await this.annotate(part, this.link(text, annotation.file_path.file_id, start));
      } else await this.annotate(part, this.citation(text, annotation.file_citation.file_id, part.text.length));
    }
  }

  private async annotate(part: OutputText, annotation: ResponseAnnotation): Promise<void> {
    part.annotations.push(annotation);
    const annotation_index = part.annotations.length - 1;
    await this.emit(this.event('output_text.annotation.added', { annotation_index, annotation }));
  }

  private citation(marker: string, file_id: string, index: number): ResponseAnnotation {
    return { type: 'file_citation', file_id, filename: this.sources.passages.get(marker)?.filename ?? '', index };
  }

  private link(link: string, file_id: string, start_index: number): ResponseAnnotation {
    const filename = link.slice(link.lastIndexOf('/') + 1);
    const { containerId: container_id } = this.sources;
    return {
      type: 'container_file_citation',
      container_id,
      file_id,
      filename,
      start_index,
      end_index: start_index + link.length,
    };
  }

  /** The open part, of that kind; another one is closed first. */
  private async part(type: 'output_text' | 'refusal'): Promise<OutputText | Refusal> {
    const last = this.content.at(-1);
    if (this.isOpen && last?.type === type) return last;
    if (this.isOpen) await this.closePart();
    const part: OutputText | Refusal =
      type === 'refusal' ? { type, refusal: '' } : { type, text: '', annotations: [], logprobs: [] };
    this.content.push(part);
    this.isOpen = true;
    await this.emit(this.event('content_part.added', { part: { ...part } }));
    return part;
  }

  private async closePart(): Promise<void> {
    const part = this.content.at(-1);
    if (!part || !this.isOpen) return;
    this.isOpen = false;
    if (part.type === 'refusal') await this.emit(this.event('refusal.done', { refusal: part.refusal }));
    else {
      const { text, logprobs } = part;
      await this.emit(this.event('output_text.done', { text, logprobs }));
    }
    await this.emit(this.event('content_part.done', { part: { ...part } }));
  }

  private event(name: string, fields: Record<string, unknown>) {
    return itemEvent(name, this, this.outputIndex, { content_index: this.content.length - 1, ...fields });
  }
}
