/** A conversation while one owner answers in it: turns come one after the other, on whichever instance. */
import { randomUUID } from 'node:crypto';
import { errors } from '../errors';
import { orderKey } from '../storage/keys';
import { LEASE_MILLISECONDS, RENEW_MILLISECONDS } from '../storage/leasedRecord';
import { ConflictError, type Change } from '../storage/ports';
import type { ReplyActivity } from '../wire/activities';
import {
  CONVERSATION,
  conversationKey,
  REPLIES,
  replyKey,
  type ConversationRecord,
  type ReplyRecord,
} from './conversationRecords';
import type { ActivitiesPorts } from './ports';

/** How often a turn looks whether the one before it is over. */
const POLL_MILLISECONDS = 250;
/** How long a turn waits for those before it: less than the 230 s that Azure lets a request last. */
const WAIT_MILLISECONDS = 90_000;
/** Replies that are kept for activities that are delivered again. */
const MAX_REPLIES = 50;

const begun: ConversationRecord = { at: null, failures: 0, recent: [], lease: null };

/** A stored reply, or the conversation in which one is to be made. */
export type Opened = { reply: ReplyActivity } | { held: HeldConversation };

export class HeldConversation {
  private stop = new AbortController();
  private renewing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly ports: ActivitiesPorts,
    private readonly partition: string,
    private readonly record: ConversationRecord,
    private etag: string,
  ) {}

  /** Waits for its turn, and takes the conversation unless the activity was answered. Throws 409 where that takes too long. */
  static async open(
    ports: ActivitiesPorts,
    partition: string,
    activity: { conversationId: string; replyId?: string },
  ): Promise<Opened> {
    const { records, now, sleep } = ports;
    const owner = randomUUID();
    const deadline = now() + WAIT_MILLISECONDS;
    for (;;) {
      const found = await records.get<ConversationRecord>(conversationKey(partition));
      if (!found?.value.lease || found.value.lease.until <= now()) {
        // The conversation was read before: a reply that is stored after this read makes the write below fail.
        const reply = await storedReply(ports, partition, activity.replyId);
        if (reply) return { reply };
        const value = { ...(found?.value ?? begun), lease: { owner, until: now() + LEASE_MILLISECONDS } };
        const place = { list: CONVERSATION, id: CONVERSATION, value };
        const change: Change = found
          ? { op: 'replace', ...place, ifMatch: found.etag }
          : { op: 'create', ...place, order: orderKey(now()) };
        try {
          const [etag = ''] = await records.write(partition, [change]);
          const held = new HeldConversation(ports, partition, value, etag);
          held.renewing = held.renew();
          return { held };
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
        }
      }
      if (now() >= deadline) throw errors.conversationBusy(activity.conversationId);
      await sleep(POLL_MILLISECONDS);
    }
  }

  /** Where the agent goes on. */
  get at(): string | null {
    return this.record.at;
  }

  /** Turns that failed. */
  get failures(): number {
    return this.record.failures;
  }

  /** Stores the reply and where the conversation stands now, and lets the next turn come. Throws 409 where another owner has taken over. */
  async close(at: string | null, reply: ReplyActivity, replyId: string | undefined): Promise<void> {
    await this.endRenewal();
    const recent = replyId === undefined ? this.record.recent : [...this.record.recent, replyId];
    const dropped = recent.slice(0, -MAX_REPLIES);
    const value: ReplyRecord = { reply };
    const order = orderKey(this.ports.now());
    await this.write([
      this.change({ ...this.record, at, recent: recent.slice(-MAX_REPLIES), lease: null }),
      ...(replyId === undefined ? [] : [{ op: 'create', list: REPLIES, id: replyId, order, value } as const]),
      ...dropped.map((id) => ({ op: 'delete', list: REPLIES, id }) as const),
    ]);
  }

  /** Lets the next turn come after one that failed. */
  async release(): Promise<void> {
    await this.endRenewal();
    await this.write([this.change({ ...this.record, failures: this.failures + 1, lease: null })]);
  }

  private change = (value: ConversationRecord): Change => ({
    op: 'replace',
    list: CONVERSATION,
    id: CONVERSATION,
    value,
    ifMatch: this.etag,
  });

  /** Nothing is written where the conversation was ended meanwhile. */
  private async write(changes: Change[]): Promise<void> {
    try {
      await this.ports.records.write(this.partition, changes);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (await this.ports.records.get(conversationKey(this.partition))) throw errors.tooManyConflicts();
    }
  }

  private async endRenewal(): Promise<void> {
    this.stop.abort();
    await this.renewing;
  }

  private async renew(): Promise<void> {
    const { records, now, sleep, logFault } = this.ports;
    const { signal } = this.stop;
    for (;;) {
      await sleep(RENEW_MILLISECONDS, signal).catch(() => undefined);
      if (signal.aborted || !this.record.lease) return;
      const lease = { ...this.record.lease, until: now() + LEASE_MILLISECONDS };
      try {
        [this.etag = ''] = await records.write(this.partition, [this.change({ ...this.record, lease })]);
      } catch (error) {
        // Ended, or taken over: the last write will find out.
        if (error instanceof ConflictError) return;
        logFault('The lease of a conversation was not renewed, and is tried again.', error);
      }
    }
  }
}

async function storedReply(
  { records }: ActivitiesPorts,
  partition: string,
  id: string | undefined,
): Promise<ReplyActivity | undefined> {
  if (id === undefined) return undefined;
  return (await records.get<ReplyRecord>(replyKey(partition, id)))?.value.reply;
}
