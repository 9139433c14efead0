/** The message that a run writes, with its message_creation step. */
import { CitationReader, type Piece, type Sources } from '../agentLoop/citations';
import { newId, orderKey } from '../storage/keys';
import type { Change } from '../storage/ports';
import type { MessageContent, MessageObject, RunObject, RunStepObject } from '../wire/threads';
import { runMessage } from './messages';
import { endedMessage, endedStep, type Ending } from './runStatus';
import { imageDelta, refusalDelta, textDelta, type RunSink } from './runSink';
import { MESSAGES, runMessagesList, stepsList, type StepRecord } from './threadRecords';

/** What a message may refer to, and the images that it begins with, as file ids. */
export interface MessageSources extends Sources {
  images: string[];
}

/** A step of the run that begins now; `at` in Unix seconds. */
export function newStep(run: RunObject, details: RunStepObject['step_details'], at: number): RunStepObject {
  return {
    id: newId('step_'),
    object: 'thread.run.step',
    created_at: at,
    run_id: run.id,
    assistant_id: run.assistant_id,
    thread_id: run.thread_id,
    type: details.type,
    status: 'in_progress',
    step_details: details,
    last_error: null,
    expired_at: null,
    cancelled_at: null,
    failed_at: null,
    completed_at: null,
    metadata: {},
    usage: null,
  };
}

/** Stores a step: created, or replaced where it is there already. */
export function stepChange(record: StepRecord, stored: boolean, now: number): Change {
  const list = stepsList(record.step.run_id);
  const id = record.step.id;
  return stored
    ? { op: 'replace', list, id, value: record }
    : { op: 'create', list, id, order: orderKey(now), value: record };
}

/** What takes back a message, and its step, that a crashed owner began. */
export function removalOf({ message, step }: { message: MessageObject; step: RunStepObject }): Change[] {
  return [
    { op: 'delete', list: MESSAGES, id: message.id },
    { op: 'delete', list: runMessagesList(step.run_id), id: message.id },
    { op: 'delete', list: stepsList(step.run_id), id: step.id },
  ];
}

export class MessageWriter {
  private readonly reader: CitationReader;
  /** Nothing in a refusal refers to anything. */
  private readonly refusal = new CitationReader({ passages: new Map(), links: new Map() });
  private refuses = false;
  private message: MessageObject;
  private step: RunStepObject;
  private readonly images: string[];
  /** Whether message and step are in the store: written there when somebody listens, or by an owner that crashed. */
  private stored: boolean;

  private constructor(
    started: { message: MessageObject; step: RunStepObject; stored: boolean },
    sources: MessageSources,
    private readonly sink: RunSink,
    private readonly now: () => number,
  ) {
    this.reader = new CitationReader(sources);
    this.images = sources.images;
    this.message = { ...started.message, content: [] };
    this.step = started.step;
    this.stored = started.stored;
  }

  /** A new message, or the unfinished one of a crashed owner, begun again under its ids. */
  static begin(
    run: RunObject,
    unfinished: { message: MessageObject; step: RunStepObject } | undefined,
    sources: MessageSources,
    sink: RunSink,
    now: () => number,
  ): MessageWriter {
    if (unfinished) return new MessageWriter({ ...unfinished, stored: true }, sources, sink, now);
    const at = Math.floor(now() / 1000);
    const message = runMessage(run, at);
    const step = newStep(run, { type: 'message_creation', message_creation: { message_id: message.id } }, at);
    return new MessageWriter({ message, step, stored: false }, sources, sink, now);
  }

  /** Tells the listener that the message begins; `store` writes it first, so that the listener can look it up. */
  async announce(store: (changes: Change[]) => Promise<unknown>): Promise<void> {
    if (!this.stored) await store(this.changes());
    this.stored = true;
    await this.sink('thread.run.step.created', this.step);
    await this.sink('thread.run.step.in_progress', this.step);
    await this.sink('thread.message.created', this.message);
    await this.sink('thread.message.in_progress', this.message);
    for (const [index, fileId] of this.images.entries())
      await this.sink('thread.message.delta', imageDelta(this.message, index, fileId));
  }

  /** Whether the message is as long as it may be. */
  get isFull(): boolean {
    return this.reader.isFull || this.refusal.isFull;
  }

  async append(text: string): Promise<void> {
    if (this.refuses) await this.refuse(text);
    else await this.send(this.reader.push(text));
  }

  /** Appends to what the model says in place of an answer; it is a part of its own behind the text, and what follows belongs to it. */
  async refuse(text: string): Promise<void> {
    if (!this.refuses) await this.send(this.reader.end());
    this.refuses = true;
    await this.sendRefusal(this.refusal.push(text));
  }

  /** Ends the message's text; nothing is stored or told yet. `usage` is that of the model call. */
  async complete(usage: RunStepObject['usage'], ending: Ending): Promise<void> {
    if (this.refuses) await this.sendRefusal(this.refusal.end());
    else await this.send(this.reader.end());
    this.end(ending, usage);
  }

  /** Ends message and step as the run ends, with the text so far. */
  end(ending: Ending, usage: RunStepObject['usage'] = null): void {
    const at = Math.floor(this.now() / 1000);
    this.message = endedMessage({ ...this.message, content: this.content(), attachments: this.linked() }, ending, at);
    this.step = { ...endedStep(this.step, ending, at), usage };
  }

  /** Images first, as the service has them; the text is left out where it is empty and there is another part. */
  private content(): MessageContent[] {
    const { value, annotations } = this.reader;
    const parts = this.images.map((file_id): MessageContent => ({ type: 'image_file', image_file: { file_id } }));
    const isEmpty = parts.length === 0 && !this.refuses;
    if (value || isEmpty) parts.push({ type: 'text', text: { value, annotations } });
    if (this.refuses) parts.push({ type: 'refusal', refusal: this.refusal.value });
    return parts;
  }

  /** The files that the text links to are attached to the message, as the service does. */
  private linked(): MessageObject['attachments'] {
    const ids = this.reader.annotations.flatMap((one) => (one.type === 'file_path' ? [one.file_path.file_id] : []));
    return [...new Set(ids)].map((file_id) => ({ file_id, tools: [{ type: 'code_interpreter' as const }] }));
  }

  /** What stores message and step as they are now. */
  changes(): Change[] {
    const { message, step, stored } = this;
    const record = { step, queries: {} };
    if (stored)
      return [{ op: 'replace', list: MESSAGES, id: message.id, value: message }, stepChange(record, true, this.now())];
    const order = orderKey(this.now());
    return [
      { op: 'create', list: MESSAGES, id: message.id, order, value: message },
      { op: 'create', list: runMessagesList(step.run_id), id: message.id, order, value: message.id },
      stepChange(record, false, this.now()),
    ];
  }

  /** Tells the listener how message and step ended. */
  async announceEnd(): Promise<void> {
    this.stored = true;
    await this.sink(`thread.message.${this.message.status}`, this.message);
    await this.sink(`thread.run.step.${this.step.status}`, this.step);
  }

  get finished(): { message: MessageObject; record: StepRecord } {
    return { message: this.message, record: { step: this.step, queries: {} } };
  }

  private async sendRefusal(pieces: Piece[]): Promise<void> {
    const index = this.images.length + (this.reader.value ? 1 : 0);
    for (const piece of pieces) await this.sink('thread.message.delta', refusalDelta(this.message, index, piece));
  }

  private async send(pieces: Piece[]): Promise<void> {
    let index = this.reader.annotations.length - pieces.filter(({ annotation }) => annotation).length;
    for (const piece of pieces) {
      await this.sink('thread.message.delta', textDelta(this.message, this.images.length, piece, index));
      if (piece.annotation) index += 1;
    }
  }
}
