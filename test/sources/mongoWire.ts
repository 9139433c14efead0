/**
 * Messages of MongoDB's wire protocol: OP_MSG, and OP_QUERY with OP_REPLY for the first hello of a driver that does not know yet what its
 * server speaks. Rules: MongoDB manual, reference/mongodb-wire-protocol.
 */
import { BSON, type Document } from 'mongodb';

export interface WireRequest {
  requestId: number;
  isLegacy: boolean;
  command: Document;
}

const HEADER_BYTES = 16;
const OP_REPLY = 1;
const OP_QUERY = 2_004;
const OP_MSG = 2_013;
/** MongoDB's maxMessageSizeBytes. */
export const MAX_MESSAGE_BYTES = 48_000_000;

/** The requests that are whole, and the bytes behind them. Throws for what is no message of the protocol. */
export function requestsIn(bytes: Buffer): { requests: WireRequest[]; rest: Buffer } {
  const requests: WireRequest[] = [];
  let rest = bytes;
  while (rest.length >= HEADER_BYTES) {
    const length = rest.readInt32LE(0);
    if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES) throw new Error(`A message of ${length} bytes.`);
    if (rest.length < length) break;
    requests.push(requestIn(rest.subarray(0, length)));
    rest = rest.subarray(length);
  }
  return { requests, rest };
}

function requestIn(message: Buffer): WireRequest {
  const requestId = message.readInt32LE(4);
  const opCode = message.readInt32LE(12);
  if (opCode === OP_QUERY) {
    const nameEnd = message.indexOf(0, HEADER_BYTES + 4);
    return { requestId, isLegacy: true, command: documentAt(message, nameEnd + 9) };
  }
  if (opCode !== OP_MSG) throw new Error(`The operation ${opCode} is not supported.`);
  const kind = message.readUInt8(HEADER_BYTES + 4);
  // Sequences of documents come with writes alone.
  if (kind !== 0) throw new Error(`A section of kind ${kind}.`);
  return { requestId, isLegacy: false, command: documentAt(message, HEADER_BYTES + 5) };
}

function documentAt(message: Buffer, offset: number): Document {
  return BSON.deserialize(message.subarray(offset, offset + message.readInt32LE(offset)), { promoteBuffers: true });
}

/** The message that answers `request`. */
export function replyTo(request: WireRequest, answer: Document): Buffer {
  const document = BSON.serialize(answer);
  const middle = request.isLegacy ? Buffer.alloc(20) : Buffer.alloc(5);
  // One document from the start on; all other members are zero.
  if (request.isLegacy) middle.writeInt32LE(1, 16);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(HEADER_BYTES + middle.length + document.length, 0);
  header.writeInt32LE(request.requestId, 8);
  header.writeInt32LE(request.isLegacy ? OP_REPLY : OP_MSG, 12);
  return Buffer.concat([header, middle, document]);
}
