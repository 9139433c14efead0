import { createServer, type Server } from 'node:net';
import { azureSearch } from '../../../src/adapters/dataSources/azureSearch';
import { elasticsearch } from '../../../src/adapters/dataSources/elasticsearch';
import { pinecone } from '../../../src/adapters/dataSources/pinecone';
import { embeddingEndpoint } from '../../../src/adapters/embeddingEndpoint';
import { createOutgoingGuard, type OutgoingGuard } from '../../../src/adapters/outgoingGuard';
import { printedSeed, seededRandom } from '../../conformance/seededRandom';
import { refusalOf } from '../../sources/outcome';

const ROUNDS = 300;
const random = seededRandom(printedSeed('refused addresses'));
const below = (end: number): number => Math.floor(random() * end);
const oneOf = <Value>(first: Value, ...rest: Value[]): Value => [first, ...rest][below(rest.length + 1)] ?? first;

/** One of the addresses that no caller may reach, this machine most often. */
function privateAddress(): [number, number, number, number] {
  const any = () => below(256);
  return oneOf<() => [number, number, number, number]>(
    () => [127, 0, 0, 1],
    () => [127, any(), any(), any()],
    () => [10, any(), any(), any()],
    () => [172, 16 + below(16), any(), any()],
    () => [192, 168, any(), any()],
    () => [169, 254, any(), any()],
    () => [169, 254, 169, 254],
    () => [100, 64 + below(64), any(), any()],
    () => [0, any(), any(), any()],
    () => [224 + below(32), any(), any(), any()],
  )();
}

/** Spellings that URLs take for the address. */
function spelled([a, b, c, d]: [number, number, number, number]): string {
  const number = ((a * 256 + b) * 256 + c) * 256 + d;
  const dotted = [a, b, c, d].join('.');
  const words = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  return oneOf(
    dotted,
    `${dotted}.`,
    String(number),
    `0x${number.toString(16)}`,
    `0${number.toString(8)}`,
    [a, b, c, d].map((part) => `0${part.toString(8)}`).join('.'),
    [a, b, c, d].map((part) => `0x${part.toString(16)}`).join('.'),
    `${a}.${b}.${c * 256 + d}`,
    `[::ffff:${dotted}]`,
    `[::ffff:${words}]`,
    `[64:ff9b::${dotted}]`,
    `[::${words}]`,
    `[2002:${words}::1]`,
    `[fe80::${words}]`,
    `[fd00:ec2::${words}]`,
  );
}

let listener: Server;
let guard: OutgoingGuard;
let port = 0;
let connections = 0;

beforeAll(async () => {
  listener = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  guard = createOutgoingGuard({ allowedHosts: [] });
});

afterAll(async () => {
  await guard.close();
  await new Promise((resolve) => listener.close(resolve));
});

describe('addresses that are not public', () => {
  it(`are reached by no source, however they are spelled (${ROUNDS} at random)`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const address = `http://${spelled(privateAddress())}:${port}`;
      const key = { type: 'api_key' as const, key: 'k' };
      const attempt = oneOf<() => Promise<unknown>>(
        () =>
          azureSearch({ guard })({
            type: 'azure_search',
            parameters: { endpoint: address, index_name: 'i', query_type: 'simple', authentication: key },
          }),
        () =>
          elasticsearch({ guard })({
            type: 'elasticsearch',
            parameters: {
              endpoint: address,
              index_name: 'i',
              query_type: 'simple',
              authentication: { type: 'encoded_api_key', encoded_api_key: 'k' },
            },
          }),
        () =>
          pinecone({ guard, controllerHost: address })({
            type: 'pinecone',
            parameters: {
              environment: 'e',
              index_name: 'i',
              authentication: key,
              fields_mapping: { content_fields: ['content'] },
              embedding_dependency: { type: 'deployment_name', deployment_name: 'd' },
            },
          }),
        () =>
          embeddingEndpoint(guard).embed(
            { type: 'endpoint', endpoint: `${address}/openai/deployments/d/embeddings`, authentication: key },
            ['text'],
            new AbortController().signal,
          ),
      );
      expect({ address, kind: (await refusalOf(attempt())).kind }).toEqual({ address, kind: 'refused_address' });
    }
    expect(connections).toBe(0);
  });
});
