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
  budget.release(first);
  budget.release(first);
  budget.hold(second, 60);
  expect(() => budget.hold(first, 1)).toThrow();
  budget.release(second);
  budget.hold(first, 100);
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
