/** A caller that is gone before its request is whole: nobody's fault, and so no error in the log. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url } });
});
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

/** A request on another connection, before whose answer the host has done what was to be done. */
const another = async () => (await fetch(`${host.url}/v1/assistants`, { headers: { 'api-key': host.key() } })).text();

it.each([
  ['JSON', '/v1/chat/completions', 'application/json', '{"model":"m","messages":['],
  [
    'a small form',
    '/v1/audio/transcriptions',
    'multipart/form-data; boundary=x',
    '--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nm',
  ],
  [
    'a large form',
    '/v1/audio/transcriptions',
    'multipart/form-data; boundary=x',
    `--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${'x'.repeat(3_000_000)}`,
  ],
  [
    'a form whose model comes behind its file',
    '/v1/audio/transcriptions',
    'multipart/form-data; boundary=x',
    `--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${'x'.repeat(3_000_000)}`,
  ],
  [
    'a file',
    '/v1/files',
    'multipart/form-data; boundary=x',
    `--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${'x'.repeat(300_000)}`,
  ],
])('in the middle of %s is not told as an error', async (_what, path, type, begun) => {
  const socket = connect(Number(new URL(host.url).port), '127.0.0.1');
  await once(socket, 'connect');
  const head = `POST ${path} HTTP/1.1\r\nhost: h\r\napi-key: ${host.key()}\r\ncontent-type: ${type}\r\ncontent-length: 10000000\r\n\r\n`;
  const before = host.output().length;
  await new Promise<void>((sent) => socket.write(head + begun, () => sent()));
  await another();
  socket.destroy();
  await eventually('the request is over', async () =>
    host.output().slice(before).includes(`POST ${path}`) ? true : undefined,
  );
  await another();
  expect(host.output().slice(before)).not.toMatch(/failed[.:]|Error|\n\s+at /);
});

it('leaves nothing that the end of the host would have to wait for', async () => {
  const began = performance.now();
  await host.stop();
  expect(performance.now() - began).toBeLessThan(5_000);
});
