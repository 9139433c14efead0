/** A name server on loopback for SRV records alone (RFC 1035, RFC 2782); all other questions have no answer. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface SrvRecord {
  target: string;
  port: number;
}

export interface DnsServer {
  port: number;
  /** The records of a name from now on. */
  serve(name: string, records: SrvRecord[]): void;
  close(): void;
}

const HEADER_BYTES = 12;
const SRV = 33;

export async function startDnsServer(): Promise<DnsServer> {
  const zone = new Map<string, SrvRecord[]>();
  const socket = createSocket('udp4');
  socket.on('message', (query, { address, port }) => {
    const [name, end] = nameAt(query, HEADER_BYTES);
    const question = query.subarray(HEADER_BYTES, end + 4);
    const records = query.readUInt16BE(end) === SRV ? (zone.get(name.toLowerCase()) ?? []) : [];
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    // An answer, with recursion.
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([header, question, ...records.map(recordBytes)]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    serve: (name, records) => void zone.set(name.toLowerCase(), records),
    close: () => socket.close(),
  };
}

/** The name at `offset`, and where the rest begins. */
function nameAt(message: Buffer, offset: number): [string, number] {
  const labels: string[] = [];
  let at = offset;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return [labels.join('.'), at + 1];
}

function recordBytes({ target, port }: SrvRecord): Buffer {
  const labels = target.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const name = Buffer.concat([...labels, Buffer.alloc(1)]);
  const record = Buffer.alloc(18);
  // A pointer to the question's name.
  record.writeUInt16BE(0xc000 + HEADER_BYTES, 0);
  record.writeUInt16BE(SRV, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt16BE(6 + name.length, 10);
  record.writeUInt16BE(port, 16);
  return Buffer.concat([record, name]);
}
