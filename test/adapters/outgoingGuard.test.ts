import { createServer, type Server } from 'node:http';
import type { LookupAddress } from 'node:dns';
import { readAllowedHosts } from '../../src/allowedHosts';
import { createOutgoingGuard, type OutgoingGuard, type OutgoingGuardOptions } from '../../src/adapters/outgoingGuard';
import { isPublicAddress } from '../../src/adapters/publicAddress';
import { SourceError } from '../../src/dataSources/ports';

let server: Server;
let port: number;
/** Connections that reached the server of this machine. */
let connections = 0;
const guards: OutgoingGuard[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/hang') return;
    if (request.url === '/drip') response.write('x');
    else if (request.url === '/large') response.end('x'.repeat(2_000));
    else if (request.url?.startsWith('/to/')) {
      response.writeHead(302, { location: decodeURIComponent(request.url.slice(4)) }).end();
    } else response.end(JSON.stringify({ method: request.method, headers: request.headers }));
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = typeof address === 'object' ? (address?.port ?? 0) : 0;
});

afterAll(async () => {
  await Promise.all(guards.map((guard) => guard.close()));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
  connections = 0;
});

function guardOf(allowed?: string, options: Partial<OutgoingGuardOptions> = {}): OutgoingGuard {
  const guard = createOutgoingGuard({ allowedHosts: readAllowedHosts(allowed), ...options });
  guards.push(guard);
  return guard;
}

const get = (guard: OutgoingGuard, url: string, signal?: AbortSignal) =>
  guard.send({ url: new URL(url), method: 'GET', headers: {}, signal });

const kindOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'reached',
    (error: unknown) => (error instanceof SourceError ? error.kind : String(error)),
  );

/** A resolver that gives each call the next of the answers, and then the last again. */
const resolver = (...answers: string[][]) => {
  let call = 0;
  return (): Promise<LookupAddress[]> => {
    const addresses = answers[Math.min(call++, answers.length - 1)] ?? [];
    return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  };
};

describe('addresses that are not public', () => {
  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '017700000001',
    '１２７.0.0.1',
    'localhost',
    'LOCALHOST',
    '[::1]',
    '[::]',
    '0.0.0.0',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '[::ffff:169.254.169.254]',
    '[64:ff9b::a9fe:a9fe]',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[fec0::1]',
    '[ff02::1]',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.0.192',
    '100.100.100.200',
    '168.63.129.16',
    '198.18.0.1',
  ])('are refused without a connection: %s', async (host) => {
    const guard = guardOf();
    expect(await kindOf(get(guard, `http://${host}:${port}/`))).toBe('refused_address');
    expect(await kindOf(guard.checkHost(host, port))).toBe('refused_address');
    expect(connections).toBe(0);
  });

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])(
    'are not those of the open Internet: %s',
    async (address) => {
      expect(isPublicAddress(address)).toBe(true);
      await expect(guardOf().checkHost(address, 443)).resolves.toBeUndefined();
    },
  );

  it.each(['', 'example.com', '1.2.3', '::g', 'fe80::1%eth0', '127.0.0.1/8'])('are what is no address: %j', (text) => {
    expect(isPublicAddress(text)).toBe(false);
  });

  it.each([['a/b'], ['a@b'], ['a:80'], ['a b'], ['']])('cannot hide in a host name that is none: %j', async (host) => {
    expect(await kindOf(guardOf().checkHost(host, 80))).toBe('invalid');
  });
});

describe('names', () => {
  it.each([
    [['127.0.0.1']],
    [['::1']],
    [['169.254.169.254']],
    [['fd00:ec2::254']],
    [['::ffff:10.0.0.1']],
    [['8.8.8.8', '10.0.0.1']],
  ])('are refused by what they resolve to: %j', async (addresses) => {
    const guard = guardOf(undefined, { resolve: resolver(addresses) });
    expect(await kindOf(get(guard, `http://source.example.com:${port}/`))).toBe('refused_address');
    expect(await kindOf(guard.checkHost('source.example.com', port))).toBe('refused_address');
    expect(connections).toBe(0);
  });

  it('are judged by the address that is connected to: one that turns private after its check is refused', async () => {
    const guard = guardOf(undefined, { resolve: resolver(['8.8.8.8'], ['127.0.0.1']) });
    await expect(guard.checkHost('rebinding.example.com', port)).resolves.toBeUndefined();
    expect(await kindOf(get(guard, `http://rebinding.example.com:${port}/`))).toBe('refused_address');
    expect(connections).toBe(0);
  });

  it('are refused by the lookup that drivers get, and given with their addresses where they are public', async () => {
    const asked = (addresses: string[], all: boolean) =>
      new Promise((resolve) =>
        guardOf(undefined, { resolve: resolver(addresses) }).lookup('db.example.com', { all }, (error, found) =>
          resolve(error instanceof SourceError ? error.kind : found),
        ),
      );
    expect(await asked(['10.1.2.3'], true)).toBe('refused_address');
    expect(await asked(['10.1.2.3'], false)).toBe('refused_address');
    expect(await asked(['8.8.8.8'], false)).toBe('8.8.8.8');
    expect(await asked(['8.8.8.8', '2606:4700::1111'], true)).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]);
    expect(await asked([], true)).toBe('unavailable');
  });

  it('without an address are unavailable', async () => {
    const resolve = () => Promise.reject(new Error('ENOTFOUND'));
    expect(await kindOf(get(guardOf(undefined, { resolve }), 'http://nowhere.example.com/'))).toBe('unavailable');
  });
});

describe('hosts that the operator allows', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['*.example.com', 'source.example.com'],
    ['source.example.com', 'SOURCE.example.com.'],
    ['2130706433', '127.0.0.1'],
  ])('are reached though private: %s as http://%s', async (allowed, host) => {
    const guard = guardOf(allowed, { resolve: resolver(['127.0.0.1']) });
    expect((await get(guard, `http://${host}:${port}/`)).status).toBe(200);
    await expect(guard.checkHost(host, port)).resolves.toBeUndefined();
  });

  it.each([
    ['*.example.com', 'example.com'],
    ['*.example.com', 'badexample.com'],
    ['*.example.com', 'example.com.evil.org'],
    ['source.example.com', 'other.example.com'],
  ])('do not stand for others: %s for http://%s', async (allowed, host) => {
    const guard = guardOf(allowed, { resolve: resolver(['127.0.0.1']) });
    expect(await kindOf(get(guard, `http://${host}:${port}/`))).toBe('refused_address');
    expect(connections).toBe(0);
  });

  it('may be allowed for one port alone', async () => {
    const guard = guardOf(`127.0.0.1:${port}`);
    expect((await get(guard, `http://127.0.0.1:${port}/`)).status).toBe(200);
    expect(await kindOf(get(guard, `http://127.0.0.1:${port + 1}/`))).toBe('refused_address');
    expect(await kindOf(guard.checkHost('127.0.0.1', port + 1))).toBe('refused_address');
  });

  it('alone get tokens of managed identities, encrypted unless it is this machine', () => {
    const takes = (allowed: string | undefined, url: string) => guardOf(allowed).takesIdentityTokens(new URL(url));
    expect(takes('*.search.windows.net', 'https://mine.search.windows.net/')).toBe(true);
    expect(takes('*.search.windows.net', 'http://mine.search.windows.net/')).toBe(false);
    expect(takes('*.search.windows.net', 'https://search.windows.net.evil.org/')).toBe(false);
    expect(takes('*.search.windows.net:443', 'https://mine.search.windows.net:8443/')).toBe(false);
    expect(takes(undefined, 'https://mine.search.windows.net/')).toBe(false);
    expect(takes('127.0.0.1', 'http://127.0.0.1:5081/')).toBe(true);
  });
});

describe('calls', () => {
  it('follow no redirect, neither to the metadata service nor anywhere else', async () => {
    const guard = guardOf(`127.0.0.1:${port}`);
    for (const target of ['http://169.254.169.254/latest/meta-data/', `http://127.0.0.1:${port}/`]) {
      const url = `http://127.0.0.1:${port}/to/${encodeURIComponent(target)}`;
      expect(await kindOf(get(guard, url))).toBe('refused_address');
    }
  });

  it.each(['ftp://8.8.8.8/', 'file:///etc/passwd', 'http://user:secret@8.8.8.8/'])(
    'refuse the address %s',
    async (url) => {
      const refused = get(guardOf(), url);
      expect(await kindOf(refused)).toBe('invalid');
      await expect(refused).rejects.not.toThrow('secret');
    },
  );

  it.each(['/hang', '/drip'])('end when their time is over: %s', async (path) => {
    const guard = guardOf('127.0.0.1', { callTimeout: 200 });
    expect(await kindOf(get(guard, `http://127.0.0.1:${port}${path}`))).toBe('timeout');
  });

  it('end with the reason of their signal', async () => {
    const reason = new Error('the caller left');
    const stop = new AbortController();
    const call = get(guardOf('127.0.0.1'), `http://127.0.0.1:${port}/hang`, stop.signal);
    stop.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  it('read no more than the limit', async () => {
    const call = get(guardOf('127.0.0.1', { maxAnswerBytes: 1_000 }), `http://127.0.0.1:${port}/large`);
    expect(await kindOf(call)).toBe('invalid');
    await expect(call).rejects.toThrow('larger than 1000 bytes');
  });

  it('to many hosts in a row leave nothing behind that would refuse later ones', async () => {
    const guard = guardOf(undefined, { resolve: resolver(['127.0.0.1']) });
    const kinds = new Set<string>();
    for (let host = 0; host < 600; host++) kinds.add(await kindOf(get(guard, `http://host${host}.example.com/`)));
    expect([...kinds]).toEqual(['refused_address']);
  });

  it('say that nothing listens', async () => {
    expect(await kindOf(get(guardOf('127.0.0.1'), 'http://127.0.0.1:9/'))).toBe('unavailable');
  });

  it('may come as a stream: under the same guard, with redirects as they are, and broken off by their signal', async () => {
    const guard = guardOf('127.0.0.1', { callTimeout: 200, maxAnswerBytes: 10_000 });
    const at = (path: string, signal?: AbortSignal) =>
      guard.stream({ url: new URL(`http://127.0.0.1:${port}${path}`), method: 'GET', headers: {}, signal });
    const textOf = async (body: AsyncIterable<Uint8Array>) => {
      let text = '';
      for await (const piece of body) text += Buffer.from(piece).toString();
      return text;
    };
    expect(await textOf((await at('/large')).body)).toHaveLength(2_000);
    const redirect = await at(`/to/${encodeURIComponent('http://169.254.169.254/')}`);
    expect(redirect).toMatchObject({ status: 302, headers: { location: 'http://169.254.169.254/' } });
    expect(await textOf(redirect.body)).toBe('');
    expect(await kindOf(at('/hang'))).toBe('timeout');
    expect(await kindOf(textOf((await at('/drip')).body))).toBe('timeout');
    const stop = new AbortController();
    const reason = new Error('the caller left');
    const reading = textOf((await at('/drip', stop.signal)).body);
    stop.abort(reason);
    await expect(reading).rejects.toBe(reason);
    const unallowed = guardOf(undefined, { allowedHostsSetting: 'OTHER_HOSTS' });
    const call = unallowed.stream({ url: new URL(`http://127.0.0.1:${port}/`), method: 'GET', headers: {} });
    expect(await kindOf(call)).toBe('refused_address');
    await expect(call).rejects.toThrow('OTHER_HOSTS');
  });

  it('ask for nothing packed', async () => {
    const { body } = await guardOf('127.0.0.1').send({
      url: new URL(`http://127.0.0.1:${port}/`),
      method: 'POST',
      headers: { 'x-own': 'yes', 'accept-encoding': 'gzip' },
      body: '{}',
    });
    expect(JSON.parse(body.toString())).toMatchObject({
      method: 'POST',
      headers: { 'x-own': 'yes', 'accept-encoding': 'identity' },
    });
  });
});
