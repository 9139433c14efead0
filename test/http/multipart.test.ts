/** What becomes of a form whose reading ends before the form does. */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { readUpload } from '../../src/http/multipart';

const part = (name: string, content: string) =>
  `--x\r\ncontent-disposition: form-data; name="${name}"; filename="a.txt"\r\n\r\n${content}\r\n`;

/** A request whose body goes on with these pieces when `goOn` is called; `isRead` says whether it was read to its end. */
function slowRequest(first: string, ...rest: string[]) {
  const { promise: gate, resolve: goOn } = Promise.withResolvers<void>();
  const { promise: isRead, resolve: ended } = Promise.withResolvers<void>();
  async function* body(): AsyncGenerator<Buffer> {
    yield Buffer.from(first);
    await gate;
    for (const piece of rest) yield Buffer.from(piece);
    ended();
  }
  const init = { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=x' }, duplex: 'half' };
  return { request: new Request('http://host/', { ...init, body: body() } as unknown as RequestInit), goOn, isRead };
}

const text = async (content: Readable): Promise<string> => {
  let read = '';
  content.on('data', (chunk: Buffer) => (read += chunk.toString()));
  await once(content, 'end');
  return read;
};

it.each([
  ['nothing', []],
  ['much', [part('more', 'x'.repeat(1_000_000)), '--x--\r\n']],
])('a form that is refused is read to its end, which a process survives, where %s follows', async (_what, rest) => {
  const { request, goOn, isRead } = slowRequest(part('file', 'Hello') + part('other', 'x'), ...rest);
  await expect(readUpload(request, text)).rejects.toMatchObject({ status: 400, details: { param: 'other' } });
  goOn();
  await isRead;
  // What the end of a body that was cancelled throws would be uncaught.
  await turn();
});

it('content that is refused leaves the rest of its form to be read', async () => {
  const { request, goOn, isRead } = slowRequest(part('file', 'Hello'), part('file', 'x'), '--x--\r\n');
  const refused = readUpload(request, async () => Promise.reject(new Error('refused')));
  await expect(refused).rejects.toThrow('refused');
  goOn();
  await isRead;
  await turn();
});
