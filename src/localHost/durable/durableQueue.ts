/**
 * Delivers the rows of an append-only table in order, each once. New rows are handed on as they are committed while fewer than
 * `limit` are undone; the others stay in the table and are read when there is room, so that memory is bounded.
 */

/** A row with its place in the order. */
export interface Sequenced {
  sequence: number;
}

export interface DurableQueueOptions<T extends Sequenced> {
  /** Most rows that are held in memory. */
  limit: number;
  /** Rows of the table after a sequence, in order, at most `count`. */
  read(after: number, count: number): Promise<T[]>;
  /** Takes a row; calls {@link DurableQueue.done} when it is out of memory again. */
  deliver(row: T): void;
  onError(error: unknown): void;
}

const retryMilliseconds = 1_000;

export class DurableQueue<T extends Sequenced> {
  /** Everything up to here was delivered. */
  private delivered = 0;
  /** Rows up to here exist. */
  private last = 0;
  private allocated = 0;
  private held = 0;
  private isReading = false;
  private stopped = true;

  constructor(private readonly options: DurableQueueOptions<T>) {}

  /** The sequence for a new row. The write that adds the row must be sent before control returns to the event loop. */
  allocate(): number {
    return ++this.allocated;
  }

  /** Highest sequence that was delivered. */
  get position(): number {
    return this.delivered;
  }

  /** Rows up to `last` are in the table already. */
  reserve(last: number): void {
    this.allocated = last;
    this.last = last;
  }

  /** Begins to deliver. */
  start(): void {
    this.stopped = false;
    void this.fill();
  }

  /** A row was committed. To be called in the order of the commits, before the event loop turns. */
  committed(row: T): void {
    const isNext = this.delivered >= this.last && !this.isReading && this.held < this.options.limit;
    this.last = Math.max(this.last, row.sequence);
    // A reading may have been ahead of the news of the commit.
    if (this.stopped || row.sequence <= this.delivered) return;
    if (isNext) this.hand(row);
    else void this.fill();
  }

  /** A delivered row has been dealt with. */
  done(): void {
    this.held -= 1;
    if (this.delivered < this.last && this.held <= this.options.limit / 2) void this.fill();
  }

  /** Delivers nothing more. */
  stop(): void {
    this.stopped = true;
  }

  private hand(row: T): void {
    this.delivered = row.sequence;
    this.held += 1;
    this.options.deliver(row);
  }

  private async fill(): Promise<void> {
    if (this.isReading || this.stopped) return;
    this.isReading = true;
    try {
      while (!this.stopped && this.delivered < this.last && this.held < this.options.limit) {
        const upTo = this.last;
        const room = this.options.limit - this.held;
        const rows = await this.options.read(this.delivered, room);
        for (const row of rows) this.hand(row);
        // Rows that are gone by now leave gaps.
        if (rows.length < room) this.delivered = Math.max(this.delivered, upTo);
      }
    } catch (error) {
      this.options.onError(error);
      setTimeout(() => void this.fill(), retryMilliseconds).unref();
    } finally {
      this.isReading = false;
    }
  }
}
