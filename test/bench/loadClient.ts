/** A client that costs little, so that it can outrun what it measures. */
import { Pool, type Dispatcher } from 'undici';
import type { Subject } from './gatewaySubjects';

/** One exchange, in milliseconds since it was sent. */
export interface Exchange {
  firstByte: number;
  total: number;
  bytes: number;
}

export interface LoadClient {
  /** A chat completion of the model; throws on anything but 200. */
  chat(model: string): Promise<Exchange>;
  /** Sends a form whose file has so many bytes. */
  upload(model: string, bytes: number): Promise<Exchange>;
  close(): Promise<void>;
}

const messages = [
  { role: 'system', content: 'You answer questions about animals, briefly and to the point. '.repeat(6) },
  { role: 'user', content: 'Where does the otter sleep, and what does it eat? '.repeat(4) },
];

export function loadClient({ origin, headers }: Subject, connections: number): LoadClient {
  const pool = new Pool(origin, { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  const bodies = new Map<string, Buffer>();
  const bodyOf = (model: string): Buffer => {
    let body = bodies.get(model);
    if (!body) {
      body = Buffer.from(JSON.stringify({ model, messages, ...(model.startsWith('stream') && { stream: true }) }));
      bodies.set(model, body);
    }
    return body;
  };
  const jsonHeaders = { ...headers, 'content-type': 'application/json' };
  return {
    chat: (model) =>
      exchange(pool, { path: '/v1/chat/completions', method: 'POST', headers: jsonHeaders, body: bodyOf(model) }),
    upload: (model, bytes) => {
      const { length, pieces } = form(model, bytes);
      const formHeaders = {
        ...headers,
        'content-type': 'multipart/form-data; boundary=bench',
        'content-length': String(length),
      };
      // Undici takes any iterable, though its types name only Node's streams.
      const body = pieces as unknown as Buffer;
      return exchange(pool, { path: '/v1/audio/transcriptions', method: 'POST', headers: formHeaders, body });
    },
    close: () => pool.close(),
  };
}

function form(model: string, bytes: number) {
  const field = (disposition: string) => `--bench\r\ncontent-disposition: form-data; ${disposition}\r\n`;
  const head = Buffer.from(
    `${field('name="model"')}\r\n${model}\r\n${field('name="file"; filename="long.mp3"')}content-type: audio/mpeg\r\n\r\n`,
  );
  const tail = Buffer.from('\r\n--bench--\r\n');
  const block = Buffer.alloc(64 * 1024, 0x55);
  async function* pieces() {
    yield head;
    for (let left = bytes; left > 0; left -= block.length) yield left < block.length ? block.subarray(0, left) : block;
    yield tail;
  }
  return { length: head.length + bytes + tail.length, pieces: pieces() };
}

function exchange(pool: Pool, options: Dispatcher.DispatchOptions): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let firstByte = 0;
    let bytes = 0;
    let status = 0;
    let refusal = '';
    pool.dispatch(options, {
      onRequestStart: () => {},
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: (_controller, chunk) => {
        if (bytes === 0) firstByte = performance.now() - began;
        bytes += chunk.length;
        if (status !== 200 && refusal.length < 500) refusal += chunk.toString('utf8');
      },
      onResponseEnd: () => {
        if (status === 200) resolve({ firstByte, total: performance.now() - began, bytes });
        else reject(new Error(`${options.path}: ${status} ${refusal}`));
      },
      onResponseError: (_controller, error) => reject(error),
    });
  });
}
