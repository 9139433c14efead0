/** The messages that are stored for instances until an episode takes them. */
import type { DurableQueue } from './durableQueue';
import type { HistoryEvent } from './historyEvent';
import type { Row } from './historyStatements';
import type { Envelope } from './instance';

/** A message: an event, and the generation it is for, if it is for one only. */
export interface InboxMessage {
  event: HistoryEvent;
  executionId?: string;
}

/** A stored message. `text` is the message as it is stored. */
export interface InboxRow {
  sequence: number;
  instanceId: string;
  message: InboxMessage;
  text: string;
}

export type Inbox = DurableQueue<InboxRow>;

/** The row of a new message. */
export function inboxMessage(sequence: number, instanceId: string, message: InboxMessage): InboxRow {
  return { sequence, instanceId, message, text: JSON.stringify(message) };
}

/** Reads a row of the table. */
export function readInboxRow(row: Row): InboxRow {
  const text = String(row.message);
  const message = JSON.parse(text) as InboxMessage;
  return { sequence: Number(row.sequence), instanceId: String(row.instance_id), message, text };
}

/** The message as an instance takes it. */
export function inboxEnvelope({ sequence, message }: InboxRow, settled: () => void): Envelope {
  return { ...message, inboxSequence: sequence, remove: ['deleteMessage', sequence], settled };
}
