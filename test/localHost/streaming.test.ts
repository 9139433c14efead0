import { once } from 'node:events';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { connect as plainConnect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { Agent, fetch as fetchBy, type RequestInit } from 'undici';
import { makeCertificates, type Certificates } from '../support/certificates';
import { HostProcess } from './hostProcess';

describe.each(['http', 'https'])('Functions in streaming mode over %s', (scheme) => {
  const isSecure = scheme === 'https';
  let certificates: Certificates;
  let dispatcher: Agent;
  let host: HostProcess;
  beforeAll(async () => {
    certificates = await makeCertificates();
    dispatcher = new Agent({ connect: { ca: certificates.ca } });
    const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile } = certificates.env;
    const options = { idleMs: 2000, ...(isSecure && { tls: { certFile, keyFile } }) };
    host = await HostProcess.start('stream', {
      env: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '500000000', TEST_HOST_OPTIONS: JSON.stringify(options) },
    });
    expect(host.url).toMatch(new RegExp(`^${scheme}:`));
  });
  // A graceful stop would wait for the handlers that never end.
  afterAll(async () => {
    await host.stop('SIGKILL');
    await dispatcher.close();
    await certificates.remove();
  });

  const fetch = async (url: string, init: RequestInit = {}) => fetchBy(url, { ...init, dispatcher });
  const httpRequest = (url: string, options: { method?: string; headers?: Record<string, string> } = {}) =>
    isSecure ? tlsRequest(url, { ...options, ca: certificates.ca }) : plainRequest(url, options);
  const connect = (port: number, address: string): Socket =>
    isSecure ? tlsConnect(port, address, { ca: certificates.ca }) : plainConnect(port, address);

  it('hands over method, headers, body, repeated query keys and route parameters', async () => {
    const response = await fetch(`${host.url}/echo/a%20b?x=1&x=2`, {
      method: 'POST',
      headers: { 'x-test': 'héllo' },
      body: 'text',
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      url: `${host.url}/echo/a%20b?x=1&x=2`,
      params: { id: 'a b', x: '2' },
      query: ['1', '2'],
      header: 'héllo',
      body: 'text',
    });
  });

  it('shows an encoded slash as %252F in the URL and %2F in a parameter', async () => {
    const response = await fetch(`${host.url}/echo/a%2Fb`);
    expect(await response.json()).toMatchObject({ url: `${host.url}/echo/a%252Fb`, params: { id: 'a%2Fb' } });
  });

  it('sends the chunks of a response when they are there', async () => {
    const response = await fetch(`${host.url}/chunks`);
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    const text = async () => Buffer.from((await reader.read()).value ?? []).toString();
    expect(await text()).toBe('one');
    await fetch(`${host.url}/release`, { method: 'POST' });
    expect(await text()).toBe('two');
    expect((await reader.read()).done).toBe(true);
  });

  it.each([
    ['chunked', {}],
    ['with a length', { 'content-length': String(400 * 1024 * 1024) }],
  ])('streams a 400 MB upload %s in constant memory', async (_, headers) => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    const body = Readable.from(
      (function* () {
        for (let count = 0; count < 400; count++) yield megabyte;
      })(),
    );
    const request = httpRequest(`${host.url}/upload`, { method: 'PUT', headers });
    body.pipe(request);
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    const { bytes, growth } = JSON.parse(text);
    expect(bytes).toBe(400 * 1024 * 1024);
    expect(growth).toBeLessThan(160 * 1024 * 1024);
  });

  it('drops the rest of an upload that was answered early, and serves the next request on the same connection', async () => {
    // Not with an HTTP client: Node's stops sending once it has its answer.
    const socket = connect(Number(new URL(host.url).port), '127.0.0.1');
    const length = 64 * 1024 * 1024;
    socket.write(`POST /refuse HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${length}\r\n\r\n`);
    const megabyte = Buffer.alloc(1024 * 1024);
    for (let sent = 0; sent < length; sent += megabyte.length) socket.write(megabyte);
    socket.write('GET /json HTTP/1.1\r\nhost: localhost\r\n\r\n');
    let text = '';
    for await (const chunk of socket) {
      text += chunk;
      if (text.includes('{"ok":true}')) break;
    }
    expect(text).toMatch(/^HTTP\/1\.1 401 [^]*HTTP\/1\.1 200 /);
  });

  it('closes the response of the library when the client leaves', async () => {
    const abort = new AbortController();
    const response = await fetch(`${host.url}/leave`, { signal: abort.signal });
    await (response.body ?? new ReadableStream()).getReader().read();
    abort.abort();
    await host.until(/\[leave\] CLOSED finished=false/);
    await host.until(/GET \/leave aborted/);
  });

  it.each([
    ['throws', /TRAP: function 'throws' .* failed: Error: boom/],
    ['returns nothing', /TRAP: function 'nothing' .* returned no response/],
  ])('leaves the client of a handler that %s hanging until the idle time is over, and says so', async (what, line) => {
    let isAnswered = false;
    const answer = fetch(`${host.url}/${what === 'throws' ? 'throws' : 'nothing'}`).finally(() => (isAnswered = true));
    await host.until(line);
    expect((await fetch(`${host.url}/json`)).status).toBe(200);
    expect(isAnswered).toBe(false);
    const response = await answer;
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('');
  });

  it('leaves a response open whose stream fails in the middle, and cuts it when the idle time is over', async () => {
    const response = await fetch(`${host.url}/breaks`);
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('begun');
    await host.until(/TRAP: function 'breaks' .* failed: Error: broken in the middle/);
    await expect(reader.read()).rejects.toThrow();
  });

  it('holds the source of a response back while its reader is slow', async () => {
    const request = httpRequest(`${host.url}/flood`);
    request.end();
    const [response] = await once(request, 'response');
    response.pause();
    const [, bytes] = await host.until(/\[flood\] HELD at (\d+)/);
    expect(Number(bytes)).toBeLessThan(32 * 1024 * 1024);
    response.destroy();
  });

  it.each([
    ['declared', { 'content-length': '500000001' }],
    ['chunked', {}],
  ])('answers a %s body over the limit with an empty 500', async (_, headers) => {
    const request = httpRequest(`${host.url}/upload`, { method: 'PUT', headers });
    request.on('error', () => undefined); // The host closes the connection in mid-upload.
    const piece = Buffer.alloc(1_000_000);
    const body = Readable.from(
      (function* () {
        for (let count = 0; count < 501; count++) yield piece;
      })(),
    );
    body.pipe(request);
    const [response] = await once(request, 'response');
    expect(response.statusCode).toBe(500);
    expect(response.headers['content-length']).toBe('0');
    body.destroy();
    request.destroy();
  });

  it('writes one line for each request, without its query', async () => {
    await (await fetch(`${host.url}/json?secret=1`)).text();
    const [line] = await host.until(/GET \/json 200 [\d.]+ ms 11 B/);
    expect(line).toBeDefined();
    expect(host.output).not.toContain('secret=1');
  });
});
