import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createBodyBudget } from '../../src/http/bodyBudget';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';

const request = () => new Request('http://127.0.0.1/', { method: 'POST' });

it('bodies that are too many together are refused with 503 and the time to wait, until others are released', () => {
  const budget = createBodyBudget(100);
  const [first, second] = [request(), request()];
  budget.hold(first, 30);
  budget.hold(first, 30);
  budget.hold(second, 40);
  expect(() => budget.hold(second, 1)).toThrow(
    expect.objectContaining({
      status: 503,
      message: expect.stringContaining('100 bytes'),
      details: expect.objectContaining({ code: 'server_busy', headers: { 'retry-after': '2' } }),
    }),
  );
  budget.end(first);
  budget.end(first);
  budget.hold(second, 60);
  expect(() => budget.hold(first, 1)).toThrow();
  budget.end(second);
  budget.hold(first, 100);
});

describe('Bytes of a request that is over while work needs them', () => {
  const open = () => {
    const budget = createBodyBudget(100);
    const [first, second] = [request(), request()];
    budget.hold(first, 100);
    return { budget, first, hasRoom: () => expect(() => budget.hold(second, 1)), free: () => budget.end(second) };
  };

  it('count until the last of it has settled, by success or failure', async () => {
    const { budget, first, hasRoom } = open();
    const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    budget.retain(first, one.promise);
    budget.retain(first, two.promise);
    budget.end(first);
    one.reject(new Error('The call failed.'));
    await Promise.allSettled([one.promise]);
    hasRoom().toThrow();
    two.resolve();
    await two.promise;
    hasRoom().not.toThrow();
  });

  it('count until the request is over, where the work was faster', async () => {
    const { budget, first, hasRoom } = open();
    budget.retain(first, Promise.resolve());
    await Promise.resolve();
    hasRoom().toThrow();
    budget.end(first);
    hasRoom().not.toThrow();
  });

  it('are given back at once where they have been let go of, and not once more when the work ends', async () => {
    const { budget, first, hasRoom, free } = open();
    const work = Promise.withResolvers<void>();
    budget.retain(first, work.promise);
    budget.release(first);
    hasRoom().not.toThrow();
    free();
    budget.hold(first, 100);
    work.resolve();
    await work.promise;
    hasRoom().toThrow();
  });
});

describe('A host', () => {
  const MEBIBYTE = 1024 * 1024;
  let host: Host;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(async () => host.stop());

  /** Sends all but the last byte of a body of 25 MiB, and keeps the connection. */
  async function stall(): Promise<Socket> {
    const socket = connect(Number(new URL(host.url).port), '127.0.0.1');
    await once(socket, 'connect');
    const length = 25 * MEBIBYTE;
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\napi-key: ${host.key()}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`,
    );
    await new Promise<void>((sent) => socket.write(Buffer.alloc(length - 1, 'x'), () => sent()));
    return socket;
  }
  /** A whole body of 24 MiB, which lacks its messages. */
  const send = async () => {
    const body = `{"model":"${'x'.repeat(24 * MEBIBYTE)}"}`;
    const headers = { 'api-key': host.key(), 'content-type': 'application/json' };
    const answer = await fetch(`${host.url}/v1/chat/completions`, { method: 'POST', headers, body });
    await answer.text();
    return { status: answer.status, wait: answer.headers.get('retry-after') };
  };

  it('refuses bodies beyond 256 MiB together with 503, and takes them again when callers have left', async () => {
    for (let call = 0; call < 12; call++) expect((await send()).status).toBe(400);
    const callers = await Promise.all(Array.from({ length: 10 }, stall));
    const refused = await eventually('the bodies are read', async () => {
      const answer = await send();
      return answer.status === 503 ? answer : undefined;
    });
    expect(refused.wait).toBe('2');
    for (const caller of callers) caller.destroy();
    await eventually('the bodies are let go of', async () => ((await send()).status === 400 ? true : undefined));
  }, 60_000);
});
