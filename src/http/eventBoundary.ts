/** Where server-sent events end, found on the raw bytes. */

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** The longest end of an event is CR LF CR LF, so these many bytes before a piece can belong to one that ends in it. */
const OVERLAP = 3;

/**
 * Hands on whole events only: what follows the last empty line waits for the rest of its event. The bytes stay as they are, and an upstream
 * that breaks off never leaves its caller with half an event.
 */
export class WholeEvents {
  private held: Buffer[] = [];
  private heldBytes = 0;
  /** The last bytes of what was taken. */
  private tail: Buffer = Buffer.alloc(0);
  private insideEvent = false;

  /** @param maxHeldBytes An event that is longer than this goes on in parts. */
  constructor(private readonly maxHeldBytes: number) {}

  /** Whether what was handed on ends where an event ends. */
  get atBoundary(): boolean {
    return !this.insideEvent;
  }

  /** What may go on now that `piece` has come; undefined if nothing. */
  take(piece: Buffer): Buffer | undefined {
    const end = lastEventEnd(piece, this.tail);
    this.tail = tailOf(piece, this.tail);
    if (end === 0) return this.hold(piece);
    const whole = this.release(piece.subarray(0, end));
    this.insideEvent = false;
    if (end < piece.length) this.hold(piece.subarray(end));
    return whole;
  }

  /** What was left at the end of the stream. */
  rest(): Buffer {
    return this.release();
  }

  private hold(piece: Buffer): Buffer | undefined {
    if (this.insideEvent) return piece;
    this.held.push(piece);
    this.heldBytes += piece.length;
    if (this.heldBytes <= this.maxHeldBytes) return undefined;
    this.insideEvent = true;
    return this.release();
  }

  private release(last?: Buffer): Buffer {
    if (last && this.held.length === 0) return last;
    const whole = Buffer.concat(last ? [...this.held, last] : this.held);
    this.held = [];
    this.heldBytes = 0;
    return whole;
  }
}

function tailOf(piece: Buffer, before: Buffer): Buffer {
  if (piece.length >= OVERLAP) return piece.subarray(piece.length - OVERLAP);
  return Buffer.concat([before, piece]).subarray(-OVERLAP);
}

/** Index behind the last empty line that ends in `piece`; 0 if none does. `before`: the bytes that went before it. */
function lastEventEnd(piece: Buffer, before: Buffer): number {
  const at = (index: number): number | undefined => (index >= 0 ? piece[index] : before[before.length + index]);
  for (let index = piece.length - 1; index >= 0; index--) {
    const byte = piece[index];
    if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) continue;
    const lineEnd = byte === LINE_FEED && at(index - 1) === CARRIAGE_RETURN ? index - 1 : index;
    const previous = at(lineEnd - 1);
    if (previous === LINE_FEED || previous === CARRIAGE_RETURN) return index + 1;
  }
  return 0;
}
