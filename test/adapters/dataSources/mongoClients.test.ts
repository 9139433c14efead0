import { promises as dns } from 'node:dns';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { parseMongoUri } from '../../../src/adapters/dataSources/mongoAddress';
import { mongoFailure } from '../../../src/adapters/dataSources/mongoErrors';
import type { MongoClients } from '../../../src/adapters/dataSources/mongoClients';
import { SourceError } from '../../../src/dataSources/ports';
import { startDnsServer, type DnsServer } from '../../sources/dnsServer';
import { eventually } from '../../support/polling';
import { PASSWORD, mongoBench, sourceError } from './mongoFixtures';

const never = new AbortController().signal;
const names = {
  source: 'The source',
  address: 'endpoint',
  authentication: 'authentication',
  database: 'database_name',
  collection: 'collection_name',
  index: 'index_name',
  vectorFields: 'vector_fields',
};

/** A command through a client for that address, with failures as a source tells them. */
const ping = (clients: MongoClients, uri: string, appName?: string) =>
  clients
    .use(
      { address: parseMongoUri(uri, 'endpoint'), credential: { username: 'reader', password: PASSWORD }, appName },
      never,
      (client) => client.db('library').command({ ping: 1 }),
    )
    .catch((error: unknown) => {
      throw mongoFailure(error, names);
    });

/** A listener that nobody may connect to. */
async function forbiddenListener() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('It does not listen.');
  return { port: address.port, connections: () => connections, close: () => server.close() };
}

describe('the outgoing guard', () => {
  it.each([
    '127.0.0.1',
    '[::1]',
    'localhost',
    '169.254.169.254',
    '10.1.2.3',
    '2130706433',
    '0x7f000001',
    '[::ffff:127.0.0.1]',
  ])('keeps a client from connecting to %s', async (host) => {
    const bench = await mongoBench('atlas', { allowed: () => 'nobody.example' });
    const { port } = bench.server;
    try {
      const error = await sourceError(ping(bench.clients, `mongodb://${host}:${port}/`));
      expect(error).toMatchObject({ kind: 'refused_address', param: 'endpoint' });
      expect(bench.server.accepted()).toBe(0);
      expect(bench.clients.size()).toBe(0);
    } finally {
      await bench.close();
    }
  });

  it.each([
    ['an IP address', (port: number) => `127.0.0.1:${port}`],
    ['an IPv6 address', (port: number) => `[::ffff:127.0.0.1]:${port}`],
    ['another port of an allowed host', (port: number) => `entry.example:${port}`],
    ['a name that leads here', (port: number) => `inside.example:${port}`],
    ['a number that is an address', (port: number) => `2130706433:${port}`],
    ['a socket of this machine', () => '/var/run/docker.sock'],
  ])('refuses a deployment that names %s as its member, without connecting there', async (_, memberOf) => {
    const forbidden = await forbiddenListener();
    const bench = await mongoBench('atlas', {
      allowed: (port) => `entry.example:${port}`,
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      members: (own) => [own.replace('127.0.0.1', 'entry.example'), memberOf(forbidden.port)],
    });
    try {
      const { port } = bench.server;
      const error = await sourceError(ping(bench.clients, `mongodb://entry.example:${port}/`));
      expect(error).toMatchObject({ kind: 'refused_address', param: 'endpoint' });
      expect(forbidden.connections()).toBe(0);
      // The deployment itself is left too.
      expect(bench.clients.size()).toBe(0);
      await eventually('the end of its connections', async () => bench.server.connections() === 0 || undefined);
    } finally {
      await bench.close();
      forbidden.close();
    }
  });

  it('refuses a deployment that names more members than MongoDB has', async () => {
    const bench = await mongoBench('atlas', {
      members: (own) => [own, ...Array.from({ length: 60 }, (_, index) => `127.0.0.1:${index + 1}`)],
    });
    try {
      const error = await sourceError(ping(bench.clients, `mongodb://${bench.server.host}/`));
      expect(error).toMatchObject({ kind: 'refused_address', message: expect.stringContaining('more than 50') });
    } finally {
      await bench.close();
    }
  });

  it('lets a replica set serve whose members are allowed, also under other names than the caller’s', async () => {
    const bench = await mongoBench('atlas', {
      allowed: () => '127.0.0.1,entry.example',
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      members: (own) => [own],
    });
    try {
      const { port } = bench.server;
      await expect(ping(bench.clients, `mongodb://entry.example:${port}/`)).resolves.toMatchObject({ ok: 1 });
      await expect(ping(bench.clients, `mongodb://${bench.server.host}/`)).resolves.toMatchObject({ ok: 1 });
    } finally {
      await bench.close();
    }
  });

  it('asks the guard at each connection, so a name that moves inside is refused', async () => {
    let calls = 0;
    const bench = await mongoBench('atlas', {
      allowed: () => 'nobody.example',
      // Public when it is checked, of this machine when it is connected to.
      resolve: async () => [{ address: calls++ === 0 ? '93.184.215.14' : '127.0.0.1', family: 4 }],
    });
    try {
      const { port } = bench.server;
      const error = await sourceError(ping(bench.clients, `mongodb://moving.example:${port}/`));
      expect(error.kind).toBe('refused_address');
      expect(bench.server.accepted()).toBe(0);
    } finally {
      await bench.close();
    }
  });
});

describe('clusters behind SRV records', () => {
  const uri = 'mongodb+srv://cluster0.example.test/?tls=false';
  let names: DnsServer;
  const before = dns.getServers();
  beforeAll(async () => {
    names = await startDnsServer();
    dns.setServers([`127.0.0.1:${names.port}`]);
  });
  afterAll(() => {
    dns.setServers(before);
    names.close();
  });

  const cluster = (allowed: string) =>
    mongoBench('atlas', {
      allowed: () => allowed,
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      members: (own) => [own.replace('127.0.0.1', 'shard0.cluster0.example.test')],
    });

  it('are reached by the name of the cluster alone', async () => {
    const bench = await cluster('*.example.test');
    names.serve('_mongodb._tcp.cluster0.example.test', [
      { target: 'shard0.cluster0.example.test', port: bench.server.port },
    ]);
    try {
      await expect(ping(bench.clients, uri)).resolves.toMatchObject({ ok: 1 });
    } finally {
      await bench.close();
    }
  });

  it('are refused where a record leads to a server that is not allowed', async () => {
    const bench = await cluster('shard1.cluster0.example.test');
    names.serve('_mongodb._tcp.cluster0.example.test', [
      { target: 'shard0.cluster0.example.test', port: bench.server.port },
    ]);
    try {
      await expect(sourceError(ping(bench.clients, uri))).resolves.toMatchObject({ kind: 'refused_address' });
      expect(bench.server.accepted()).toBe(0);
    } finally {
      await bench.close();
    }
  });

  it('are unavailable where the name has no records', async () => {
    const bench = await cluster('*.example.test');
    names.serve('_mongodb._tcp.cluster0.example.test', []);
    try {
      const error = await sourceError(ping(bench.clients, uri));
      expect(error).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('no SRV record') });
    } finally {
      await bench.close();
    }
  });
});

describe('clients', () => {
  it('are shared by calls with the same address and credential, and by no others', async () => {
    const bench = await mongoBench('atlas');
    const uri = `mongodb://${bench.server.host}/`;
    try {
      await Promise.all([ping(bench.clients, uri), ping(bench.clients, uri)]);
      expect(bench.clients.size()).toBe(1);
      await ping(bench.clients, uri, 'another application');
      expect(bench.clients.size()).toBe(2);
      const stranger = bench.clients.use(
        { address: parseMongoUri(uri, 'endpoint'), credential: { username: 'reader', password: 'guessed' } },
        never,
        (client) => client.db('library').command({ ping: 1 }),
      );
      await expect(stranger).rejects.toMatchObject({ code: 8000 });
    } finally {
      await bench.close();
    }
  });

  it('are bounded in number: the one that was not used for longest is closed', async () => {
    const bench = await mongoBench('atlas', { clients: { maxClients: 2 } });
    const uri = `mongodb://${bench.server.host}/`;
    try {
      for (const appName of ['one', 'two', 'three', 'four']) {
        await ping(bench.clients, uri, appName);
        expect(bench.clients.size()).toBeLessThanOrEqual(2);
      }
      // A client has two connections: one that watches and one that works.
      await eventually('two clients alone', async () => bench.server.connections() <= 4 || undefined);
    } finally {
      await bench.close();
    }
  });

  it('are not closed while they work: one too many is refused instead', async () => {
    const bench = await mongoBench('atlas', { clients: { maxClients: 1 } });
    const uri = `mongodb://${bench.server.host}/`;
    try {
      bench.server.slow('ping', 300);
      const working = ping(bench.clients, uri, 'one');
      await expect(sourceError(ping(bench.clients, uri, 'two'))).resolves.toMatchObject({ kind: 'unavailable' });
      await expect(working).resolves.toMatchObject({ ok: 1 });
    } finally {
      await bench.close();
    }
  });

  it('are closed when nobody uses them for a while, and made again', async () => {
    const bench = await mongoBench('atlas', { clients: { idleMs: 20 } });
    const uri = `mongodb://${bench.server.host}/`;
    try {
      await ping(bench.clients, uri);
      await eventually('the end of all connections', async () => bench.server.connections() === 0 || undefined);
      expect(bench.clients.size()).toBe(0);
      await expect(ping(bench.clients, uri)).resolves.toMatchObject({ ok: 1 });
    } finally {
      await bench.close();
    }
  });

  it('are not kept when they cannot connect', async () => {
    const bench = await mongoBench('atlas');
    const uri = `mongodb://${bench.server.host}/`;
    try {
      bench.server.fail('saslContinue', {
        code: 18,
        codeName: 'AuthenticationFailed',
        message: 'Authentication failed.',
      });
      bench.server.fail('saslStart', { code: 18, codeName: 'AuthenticationFailed', message: 'Authentication failed.' });
      await expect(sourceError(ping(bench.clients, uri))).resolves.toMatchObject({ kind: 'authentication' });
      await eventually('the client is gone', async () => bench.clients.size() === 0 || undefined);
      bench.server.fail('saslContinue', undefined);
      bench.server.fail('saslStart', undefined);
      await expect(ping(bench.clients, uri)).resolves.toMatchObject({ ok: 1 });
    } finally {
      await bench.close();
    }
  });

  it('end with the server: close leaves no connection', async () => {
    const bench = await mongoBench('atlas');
    await ping(bench.clients, `mongodb://${bench.server.host}/`);
    await bench.clients.close();
    expect(bench.clients.size()).toBe(0);
    await eventually('the end of all connections', async () => bench.server.connections() === 0 || undefined);
    await bench.close();
  });
});

it('is refused commands before authentication, as the real one does', async () => {
  const bench = await mongoBench('atlas');
  try {
    const anonymous = bench.clients.use(
      { address: parseMongoUri(`mongodb://${bench.server.host}/`, 'endpoint') },
      never,
      (client) => client.db('library').collection('pages').aggregate([]).toArray(),
    );
    await expect(anonymous).rejects.toMatchObject({ code: 13 });
    expect(mongoFailure(await anonymous.catch((error: unknown) => error), names)).toBeInstanceOf(SourceError);
  } finally {
    await bench.close();
  }
});
