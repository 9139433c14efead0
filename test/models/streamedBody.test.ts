/** Bodies that reach a service as streams: forms with sounds and pictures. */
import { Readable } from 'node:stream';
import type { ModelBackend } from '../../src/modelBackends';
import type { GatewayRequest, GatewayTarget } from '../../src/models/gateway';
import { azureBackend, chatCall, gatewayOver, openAiBackend, textOf } from '../support/gateway';
import { startServer } from '../support/httpServer';
import { manualClock } from '../support/manualClock';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const hello = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] };

let first: ScriptedUpstream;
beforeEach(async () => {
  first = await startScriptedUpstream();
});
afterEach(async () => first.close());

const over = (backends: ModelBackend[]) => gatewayOver(backends, { clock: manualClock() });

describe('a body that is a stream', () => {
  const form = (open: (target: GatewayTarget) => Readable, more: object = {}): Partial<GatewayRequest> => ({
    operation: 'audio/transcriptions',
    body: { kind: 'stream', contentType: 'multipart/form-data; boundary=x', open, reopenable: false, ...more },
  });
  const received: { length?: string; type?: string; bytes: number }[] = [];
  let status: number[] = [];
  let upload: Awaited<ReturnType<typeof startServer>>;
  let backend: ModelBackend;
  beforeEach(async () => {
    received.length = 0;
    status = [];
    upload = await startServer((request, response) => {
      const one = { length: request.headers['content-length'], type: request.headers['content-type'], bytes: 0 };
      received.push(one);
      request
        .on('data', (piece: Buffer) => (one.bytes += piece.length))
        .on('end', () => response.writeHead(status.shift() ?? 200).end('{}'));
    });
    backend = openAiBackend(first, { name: 'one', baseUrl: `${upload.url}/v1` });
  });
  afterEach(async () => upload.close());

  it('passes with its type and length, where that is known for the service', async () => {
    await textOf(
      await over([backend]).forward(
        chatCall(
          hello,
          form(() => Readable.from([Buffer.alloc(1000), Buffer.alloc(24)]), {
            length: ({ model }: GatewayTarget) => (model === 'gpt-4o' ? 1024 : undefined),
          }),
        ),
      ),
    );
    const deployments = new Map([['*', 'up']]);
    await textOf(
      await over([{ ...backend, deployments }]).forward(
        chatCall(
          hello,
          form(() => Readable.from([Buffer.alloc(3)]), {
            length: ({ model }: GatewayTarget) => (model === 'up' ? undefined : 3),
          }),
        ),
      ),
    );
    const type = 'multipart/form-data; boundary=x';
    expect(received).toEqual([
      { length: '1024', type, bytes: 1024 },
      { length: undefined, type, bytes: 3 },
    ]);
  });

  it('is told the name of the model and whether the form must hold it', async () => {
    const targets: unknown[] = [];
    const open = (target: GatewayTarget) => {
      targets.push(target);
      return Readable.from([Buffer.alloc(1)]);
    };
    const deployments = new Map([['*', 'up']]);
    await textOf(await over([{ ...backend, deployments }]).forward(chatCall(hello, form(open))));
    await textOf(
      await over([azureBackend(first, { baseUrl: upload.url, deployments })]).forward(chatCall(hello, form(open))),
    );
    expect(targets).toEqual([
      { model: 'up', modelInBody: true },
      { model: 'up', modelInBody: false },
    ]);
  });

  it('is sent again only if it can be had again', async () => {
    status = [503, 200];
    expect(
      (
        await over([backend]).forward(
          chatCall(
            hello,
            form(() => Readable.from([Buffer.alloc(10)])),
          ),
        )
      ).status,
    ).toBe(503);
    status = [503, 200];
    expect(
      await over([backend]).forward(
        chatCall(
          hello,
          form(() => Readable.from([Buffer.alloc(10)]), { reopenable: true }),
        ),
      ),
    ).toMatchObject({ status: 200, attempts: 2 });
    expect(received.map(({ bytes }) => bytes)).toEqual([10, 10, 10]);
  });

  it('goes to the next backend untouched where the first cannot be reached', async () => {
    let opened = 0;
    const open = () => {
      opened += 1;
      return Readable.from([Buffer.alloc(10)]);
    };
    const gateway = over([
      { ...backend, name: 'none', baseUrl: 'http://127.0.0.1:1' },
      { ...backend, priority: 1 },
    ]);
    expect(await gateway.forward(chatCall(hello, form(open)))).toMatchObject({ status: 200, backend: 'one' });
    expect(opened).toBe(1);
  });

  it('that breaks ends the call with its own error, which is not held against the service', async () => {
    const broken = Object.assign(new Error('The caller sent no more.'), { code: 'ECONNRESET' });
    const open = () =>
      Readable.from(
        (function* () {
          yield Buffer.alloc(10);
          throw broken;
        })(),
      );
    const gateway = over([backend]);
    for (let call = 0; call < 6; call++)
      await expect(gateway.forward(chatCall(hello, form(open)))).rejects.toBe(broken);
  });

  it('of 300 MB passes in constant memory', async () => {
    const piece = Buffer.alloc(64 * 1024);
    let most = 0;
    const open = () =>
      Readable.from(
        (function* () {
          for (let sent = 0; sent < 4_800; sent++) {
            if (sent % 100 === 0) most = Math.max(most, process.memoryUsage().rss);
            yield piece;
          }
        })(),
      );
    const before = process.memoryUsage().rss;
    await textOf(await over([backend]).forward(chatCall(hello, form(open))));
    expect(received[0]?.bytes).toBe(4_800 * piece.length);
    expect(most - before).toBeLessThan(120 * 1024 * 1024);
  });
});
