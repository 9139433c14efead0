/**
 * A model service that costs next to nothing, so that what is measured is what stands before it. The model's name says how it answers: `wait-50` after 50 ms,
 * `stream-40-25` by 40 events, 25 ms apart. A program: prints its address and serves until it is ended.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const usage = { prompt_tokens: 180, completion_tokens: 60, total_tokens: 240 };
const common = { id: 'chatcmpl-bench', created: 1_750_000_000, model: 'bench' };
const message = { role: 'assistant', content: 'The otter sleeps on the water and eats fish. '.repeat(6) };
const whole = JSON.stringify({
  ...common,
  object: 'chat.completion',
  choices: [{ index: 0, message, finish_reason: 'stop', logprobs: null }],
  usage,
});
const event = (fields: object) =>
  `data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', ...fields })}\n\n`;
const piece = event({ choices: [{ index: 0, delta: { content: ' otter' }, finish_reason: null }] });
const end =
  event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) +
  event({ choices: [], usage }) +
  'data: [DONE]\n\n';
const json = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(whole)) };

/** Bytes of the answer to a model of that name. */
export function answerBytes(model: string): number {
  const [, events] = /^stream-(\d+)-/.exec(model) ?? [];
  return events === undefined
    ? Buffer.byteLength(whole)
    : Buffer.byteLength(piece) * Number(events) + Buffer.byteLength(end);
}

function answer(model: string, response: ServerResponse): void {
  const [, events, pause] = /^stream-(\d+)-(\d+)$/.exec(model) ?? [];
  if (events !== undefined) return stream(Number(events), Number(pause), response);
  const wait = Number(/^wait-(\d+)$/.exec(model)?.[1] ?? 0);
  const send = () => void response.writeHead(200, json).end(whole);
  if (wait === 0) send();
  else setTimeout(send, wait);
}

function stream(events: number, pause: number, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  if (pause === 0) return void response.end(piece.repeat(events) + end);
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    response.write(piece);
    if (sent < events) return;
    clearInterval(timer);
    response.end(end);
  }, pause);
  response.once('close', () => clearInterval(timer));
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  let model = '';
  request.on('data', (chunk: Buffer) => {
    // Of JSON and of forms; the rest of a body, however large, is dropped.
    model ||= /"model"(?:\s*:\s*"|\r\n\r\n)([\w-]+)/.exec(chunk.toString('latin1', 0, 4096))?.[1] ?? '';
  });
  request.on('end', () => answer(model, response));
}

function main(): void {
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, serve);
  server.listen(0, '127.0.0.1', 4096, () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
}

if (require.main === module) main();
