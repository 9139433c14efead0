/** How the sandbox's process and its parent talk: frames of a length, a kind and a body, in both directions. */

/** Largest body of a frame, in bytes; content that is longer goes in several. */
export const MAX_FRAME_BYTES = 1024 * 1024;
const HEADER_BYTES = 5;
const JSON_KIND = 1;
const DATA_KIND = 2;

/** A message, or a piece of content that belongs to the message before or behind it; an empty piece ends the content. */
export type Frame<Message> = { message: Message } | { data: Buffer };

/**
 * What the parent asks: `put`, followed by the file's content, has no answer; `start`, once, is answered by {@link Answer} `ready`; `run`, followed by the
 * code, by the output and `done`; `read` by the file's content; `remove` has no answer.
 */
export type Request =
  | { type: 'put'; path: string }
  | { type: 'start' }
  | { type: 'run' }
  | { type: 'read'; path: string }
  | { type: 'remove'; path: string };

/** What the process answers; `written` are the files that are new or changed, `more` says that they are not all. */
export type Answer = { type: 'ready' } | { type: 'done'; written: { path: string; bytes: number }[]; more: boolean };

/** A frame that carries a message. */
export function messageFrame(message: Request | Answer): Buffer {
  return frame(JSON_KIND, Buffer.from(JSON.stringify(message)));
}

/** The frames of a piece of content; the one frame that ends it when it is empty. */
export function dataFrames(data: Uint8Array): Buffer[] {
  if (data.length === 0) return [frame(DATA_KIND, data)];
  const count = Math.ceil(data.length / MAX_FRAME_BYTES);
  return Array.from({ length: count }, (_, index) =>
    frame(DATA_KIND, data.subarray(index * MAX_FRAME_BYTES, (index + 1) * MAX_FRAME_BYTES)),
  );
}

function frame(kind: number, body: Uint8Array): Buffer {
  if (body.length > MAX_FRAME_BYTES) throw new RangeError(`A frame holds at most ${MAX_FRAME_BYTES} bytes.`);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(body.length);
  header.writeUInt8(kind, 4);
  return Buffer.concat([header, body]);
}

/** Takes frames out of bytes as they come. Throws for what is no frame. */
export class FrameParser<Message> {
  #bytes: Buffer = Buffer.alloc(0);

  /** `read` makes a message of its JSON text. */
  constructor(readonly read: (text: string) => Message) {}

  add(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
  }

  /** The next whole frame, or undefined until more bytes are added. */
  next(): Frame<Message> | undefined {
    if (this.#bytes.length < HEADER_BYTES) return undefined;
    const length = this.#bytes.readUInt32LE();
    const kind = this.#bytes.readUInt8(4);
    if (length > MAX_FRAME_BYTES) throw new RangeError('A frame is too long.');
    if (this.#bytes.length < HEADER_BYTES + length) return undefined;
    const body = this.#bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
    this.#bytes = this.#bytes.subarray(HEADER_BYTES + length);
    if (kind === DATA_KIND) return { data: body };
    return { message: this.read(body.toString()) };
  }
}
