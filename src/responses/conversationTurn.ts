/**
 * A response while it works on its conversation: no other may meanwhile. The lease lapses where it is not renewed, so that a host that dies locks nobody out.
 */
import { errors } from '../errors';
import { withRetries } from '../storage/optimistic';
import type { DueChanges, DueRecord, StoredRecord } from '../storage/ports';
import type { ResponseItem } from '../wire/responseItems';
import { inputOf } from './context';
import { appendTurn, conversationChange, finishAppending } from './conversationAppend';
import {
  conversationIdOf,
  conversationPartition,
  conversationRecord,
  laterConversationDue,
  type ConversationPlace,
  type ConversationRecord,
} from './conversationRecords';
import type { ResponsesPorts } from './ports';
import { isOver } from './responseEvents';
import { readTurn } from './turnRecords';

export const LEASE_MILLISECONDS = 10_000;
const RENEW_MILLISECONDS = 3_000;

type Ports = Pick<ResponsesPorts, 'records' | 'blobs' | 'now' | 'logFault'>;
type Stored = StoredRecord<ConversationRecord>;

/** Throws 404. */
export async function readConversation({ records }: Pick<Ports, 'records'>, place: ConversationPlace): Promise<Stored> {
  const found = await records.get<ConversationRecord>(conversationRecord(place));
  if (!found) throw errors.noConversation(conversationIdOf(place.key));
  return found;
}

/** The conversation, once nobody but the response `turn` works on it. Throws 404, and 400 while another one does. */
export async function freeConversation(ports: Ports, place: ConversationPlace, turn?: string): Promise<Stored> {
  return withRetries(async () => {
    await finishAppending(ports, place);
    const found = await readConversation(ports, place);
    const { lease } = found.value;
    if (!lease || lease.turn === turn) return found;
    if (lease.until > ports.now() || !(await settleTurn(ports, place, lease.turn))) throw errors.conversationLocked();
    // Another response may have come first.
    return freeConversation(ports, place, turn);
  });
}

/** Adds what a response that is over has still to add, so that readers find the conversation whole. Throws 404. */
export async function settledConversation(ports: Ports, place: ConversationPlace): Promise<void> {
  const { lease } = (await readConversation(ports, place)).value;
  if (lease && lease.until <= ports.now()) await settleTurn(ports, place, lease.turn);
}

/**
 * Adds what a response that nobody drives any more has said, and frees the conversation of it. Returns false while it is still to be answered, in the
 * background.
 */
export async function settleTurn(ports: Ports, place: ConversationPlace, turn: string): Promise<boolean> {
  await finishAppending(ports, place);
  const found = await readTurn(ports.records, place.scope, { chain: place.key, turn });
  if (found && !('deleted' in found.value)) {
    const { status, output } = found.value.response;
    if (!isOver(status)) return false;
    if (isAdded(status)) await appendTurn(ports, place, turn, [...(await inputOf(ports, found.value)), ...output]);
  }
  await setLease(ports, place, turn, null);
  return true;
}

/** Of a response that fails or is cancelled nothing is added. */
const isAdded = (status: string): boolean => status === 'completed' || status === 'incomplete';

/** Says until when the response `turn` works on the conversation, or that it does no longer (null); nothing where it has no lease. */
async function setLease(ports: Ports, place: ConversationPlace, turn: string, until: number | null): Promise<void> {
  await withRetries(async () => {
    const found = await ports.records.get<ConversationRecord>(conversationRecord(place));
    if (found?.value.lease?.turn !== turn) return;
    const lease = until === null ? null : { turn, until };
    await ports.records.write(conversationPartition(place), [conversationChange(found, { lease })]);
  });
}

export class ConversationTurn {
  private readonly renewing: NodeJS.Timeout;
  private due: DueRecord | undefined;
  private isAppended = false;

  private constructor(
    private readonly ports: Ports,
    readonly place: ConversationPlace,
    private readonly turn: string,
    /** Sort key of the last item before the response's own. */
    readonly order: string,
  ) {
    this.renewing = setInterval(() => void this.renew(), RENEW_MILLISECONDS);
    this.renewing.unref();
  }

  /**
   * Locks the conversation for the response `turn`, of this process or of one that died. Throws 404, and 400 while another response works on it.
   * {@link release} must follow.
   */
  static async begin(ports: Ports, place: ConversationPlace, turn: string): Promise<ConversationTurn> {
    const { last_order } = await withRetries(async () => {
      const found = await freeConversation(ports, place, turn);
      const lease = { turn, until: ports.now() + LEASE_MILLISECONDS };
      await ports.records.write(conversationPartition(place), [conversationChange(found, { lease })]);
      return found.value;
    });
    return new ConversationTurn(ports, place, turn, last_order);
  }

  /** What the write that stores the response takes along: should this process die then, the sweep adds the items. */
  get dueChanges(): DueChanges {
    this.due ??= laterConversationDue(this.place, this.ports.now(), this.turn);
    return { add: [this.due] };
  }

  /** Adds the items of the response, unless it failed. Does nothing where they were added before, or the conversation is gone. */
  async append(status: string, items: ResponseItem[]): Promise<void> {
    if (!isAdded(status)) return;
    await appendTurn(this.ports, this.place, this.turn, items, this.due);
    this.isAppended = true;
  }

  /** Frees the conversation. What fails here is logged: the lease lapses by itself. */
  async release(): Promise<void> {
    clearInterval(this.renewing);
    try {
      if (!this.isAppended) await this.setLease(null);
    } catch (error) {
      this.ports.logFault(`The conversation ${conversationIdOf(this.place.key)} could not be freed:`, error);
    }
  }

  /**
   * Leaves the lock to the response, which is stored and goes on elsewhere: it holds for as long as that is queued or in progress, and whoever comes then has its
   * items added.
   */
  async handOver(): Promise<void> {
    clearInterval(this.renewing);
    await this.setLease(0);
  }

  private async renew(): Promise<void> {
    try {
      await this.setLease(this.ports.now() + LEASE_MILLISECONDS);
    } catch (error) {
      this.ports.logFault(`The lease of the conversation ${conversationIdOf(this.place.key)} was not renewed:`, error);
    }
  }

  private async setLease(until: number | null): Promise<void> {
    return setLease(this.ports, this.place, this.turn, until);
  }
}
