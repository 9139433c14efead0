/** What becomes of a write whose answer is lost, of a service that is busy, and of the blobs of large values. */
import { azureRecords } from '../../../src/adapters/azureStorage/azureRecords';
import { storageClients } from '../../../src/adapters/azureStorage/clients';
import type { Change, Records } from '../../../src/storage/ports';
import { accountOf, connectionStringTo, startAzurite, type Azurite } from '../../support/azurite';
import { startStorageProxy, type Exchange, type StorageProxy } from '../../support/storageProxy';

let azurite: Azurite;
let proxy: StorageProxy;
/** Through the proxy, and beside it. */
let records: Records;
let others: Records;
let prefix: string;

beforeAll(async () => {
  azurite = await startAzurite();
  proxy = await startStorageProxy(new URL(azurite.account.tableUrl).origin);
});
afterAll(async () => {
  await proxy.close();
  await azurite.stop();
});

beforeEach(async () => {
  prefix = azurite.newPrefix();
  const logFault = (_: string, error: unknown) => {
    throw error;
  };
  const blob = new URL(azurite.account.blobUrl).origin;
  const account = accountOf(connectionStringTo({ blob, table: proxy.url }));
  records = await azureRecords({ account, prefix, logFault });
  others = await azureRecords({ account: azurite.account, prefix, logFault });
});
afterEach(() => {
  proxy.onAnswer = undefined;
  proxy.onRequest = undefined;
  proxy.exchanges.length = 0;
});

const key = (id: string) => ({ partition: 'p', list: 'things', id });
const create = (id: string, value: unknown = id): Change => ({ op: 'create', list: 'things', id, order: id, value });
const isBatch = ({ path }: Pick<Exchange, 'path'>) => path.endsWith('/$batch');
const batches = () => proxy.exchanges.filter(isBatch);

/** Loses the answer of the next batch; `meanwhile` is done before it is sent again. */
function loseOneAnswer(meanwhile?: () => Promise<unknown>): void {
  proxy.onAnswer = async (exchange) => {
    if (!isBatch(exchange)) return undefined;
    proxy.onAnswer = undefined;
    await meanwhile?.();
    return 'lose';
  };
}

describe('a write whose answer was lost', () => {
  it('of new records is done once, and gives etags that are good', async () => {
    loseOneAnswer();
    const [etag] = await records.write('p', [create('a', 1), create('b', 2)]);
    expect(batches().map(({ answer }) => /HTTP\/1.1 (\d+)/.exec(answer)?.[1])).toEqual(['204', '409']);
    expect(await records.get(key('a'))).toMatchObject({ etag, value: 1 });
    await records.write('p', [{ op: 'replace', list: 'things', id: 'a', value: 3, ifMatch: etag }]);
    expect(await others.get(key('a'))).toMatchObject({ value: 3 });
  });

  it('on a condition is done once', async () => {
    const [etag = '', checked = ''] = await records.write('p', [create('a', 1), create('b', 1)]);
    loseOneAnswer();
    const changes: Change[] = [
      { op: 'replace', list: 'things', id: 'a', value: 2, ifMatch: etag },
      { op: 'check', list: 'things', id: 'b', ifMatch: checked },
    ];
    const etags = await records.write('p', changes);
    expect((await records.get(key('a')))?.etag).toBe(etags[0]);
    expect((await records.get(key('b')))?.etag).toBe(etags[1]);
  });

  it('and whose record another writer has changed since is done all the same, by its other rows', async () => {
    const [etag = ''] = await records.write('p', [create('a', 1)]);
    loseOneAnswer(async () => others.write('p', [{ op: 'replace', list: 'things', id: 'a', value: 3 }]));
    const changes: Change[] = [{ op: 'replace', list: 'things', id: 'a', value: 2, ifMatch: etag }, create('b', 2)];
    const [overwritten = ''] = await records.write('p', changes);
    expect(await records.get(key('a'))).toMatchObject({ value: 3 });
    const next = records.write('p', [{ op: 'replace', list: 'things', id: 'a', value: 4, ifMatch: overwritten }]);
    await expect(next).rejects.toMatchObject({ name: 'ConflictError', key: key('a') });
  });

  it('that deletes is done', async () => {
    const [etag] = await records.write('p', [create('a', 1)]);
    loseOneAnswer();
    expect(await records.write('p', [{ op: 'delete', list: 'things', id: 'a', ifMatch: etag }])).toEqual(['']);
    expect(await records.get(key('a'))).toBeUndefined();
  });

  it('is a conflict where the answer was one', async () => {
    await others.write('p', [create('a', 1)]);
    loseOneAnswer();
    await expect(records.write('p', [create('b'), create('a', 2)])).rejects.toMatchObject({ key: key('a') });
    expect(await records.get(key('b'))).toBeUndefined();
    expect(batches()).toHaveLength(2);
  });
});

describe('a service that does not answer, as over a connection that was dropped on its way,', () => {
  const open = async () => {
    const blob = new URL(azurite.account.blobUrl).origin;
    const account = accountOf(connectionStringTo({ blob, table: proxy.url }));
    return azureRecords({ account, prefix, logFault: () => undefined, timeoutMs: 500 });
  };
  /** Keeps the next answers back. */
  const keepBack = (count: number) => {
    proxy.onAnswer = async () => {
      if (count-- > 0) await new Promise(() => undefined);
      return undefined;
    };
  };

  it('is asked again, and a write is done once', async () => {
    const waiting = await open();
    const [etag] = await waiting.write('p', [create('a', 1)]);
    keepBack(1);
    expect(await waiting.get(key('a'))).toMatchObject({ value: 1 });
    keepBack(1);
    await waiting.write('p', [{ op: 'replace', list: 'things', id: 'a', value: 2, ifMatch: etag }, create('b', 2)]);
    expect(await others.get(key('a'))).toMatchObject({ value: 2 });
  });

  it('is given up after three times', async () => {
    const waiting = await open();
    await waiting.write('p', [create('a', 1)]);
    proxy.exchanges.length = 0;
    keepBack(Infinity);
    await expect(waiting.get(key('a'))).rejects.toThrow();
    expect(proxy.exchanges).toHaveLength(3);
  });
});

describe('a service that is busy', () => {
  it('is asked again, whether it says so by its status or inside the answer of a batch', async () => {
    await records.write('p', [create('a', 1)]);
    const error = '{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"0:The server is busy."}}}';
    const type = 'multipart/mixed; boundary=batchresponse_1';
    const inside = `--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n--changesetresponse_1\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\r\n${error}\r\n--changesetresponse_1--\r\n--batchresponse_1--\r\n`;
    const fakes = [
      { status: 503, headers: { 'content-type': 'application/json' }, body: error },
      { status: 202, headers: { 'content-type': type }, body: inside },
      { status: 500, headers: { 'content-type': 'application/json' }, body: error },
    ];
    proxy.onRequest = () => fakes.shift();
    await records.write('p', [create('b', 2)]);
    expect(fakes).toEqual([]);
    fakes.push({ status: 503, headers: { 'content-type': 'application/json' }, body: error });
    expect(await records.get(key('b'))).toMatchObject({ value: 2 });
    expect(fakes).toEqual([]);
  });
});

it('keeps a due record that a sweep removed since it came before the record it is for', async () => {
  const due = { at: 5, kind: 'run', id: 'a', data: {} };
  proxy.onAnswer = async (exchange) => {
    if (isBatch(exchange)) await others.writeDue({ remove: [due] });
    return undefined;
  };
  await records.write('p', [create('a')], { add: [due] });
  expect(await records.due(10, 10)).toEqual([due]);
});

describe('a page', () => {
  it.each(['asc', 'desc'] as const)('costs the same requests and rows however long the list is, %s', async (order) => {
    await records.get(key('none')); // makes the table
    const costs: { requests: number; rows: number }[] = [];
    for (const [partition, count] of [
      ['short', 60],
      ['long', 1200],
    ] as const) {
      for (let from = 0; from < count; from += 40) {
        const ids = Array.from({ length: 40 }, (_, n) => String(from + n).padStart(5, '0'));
        await others.write(
          partition,
          ids.map((id) => create(id)),
        );
      }
      const last = String(order === 'asc' ? 10 : count - 10).padStart(5, '0');
      proxy.exchanges.length = 0;
      const page = await records.list(partition, 'things', { order, limit: 20, after: last });
      expect(page.records).toHaveLength(20);
      const rows = proxy.exchanges.reduce((sum, { answer }) => sum + answer.split('"RowKey"').length - 1, 0);
      costs.push({ requests: proxy.exchanges.length, rows });
    }
    expect(costs[1]?.requests).toBe(costs[0]?.requests);
    expect(costs[1]?.requests).toBeLessThanOrEqual(3);
    // Where many records are written at once not each has a marker, so a page from the end may read more than it shows.
    expect(costs[1]?.rows).toBeLessThan(22 + 40 + 21);
  });

  it('from the end is right after many records came and went in large writes', async () => {
    const ids = Array.from({ length: 120 }, (_, n) => String(n).padStart(3, '0'));
    for (let from = 0; from < 120; from += 40)
      await records.write(
        'p',
        ids.slice(from, from + 40).map((id) => create(id)),
      );
    const gone = ids.filter((_, n) => n % 3 > 0);
    for (let from = 0; from < 80; from += 40) {
      await records.write(
        'p',
        gone.slice(from, from + 40).map((id) => ({ op: 'delete', list: 'things', id })),
      );
    }
    const seen: string[] = [];
    for (let after: string | undefined, more = true; more; after = seen.at(-1)) {
      const page = await records.list('p', 'things', { order: 'desc', limit: 7, after });
      seen.push(...page.records.map(({ id }) => id));
      more = page.hasMore;
    }
    expect(seen).toEqual(ids.filter((_, n) => n % 3 === 0).reverse());
  });
});

describe('the blobs of large values', () => {
  const large = (n: number) => String(n).repeat(1024 * 1024);
  const names = async () => {
    const container = (await storageClients(azurite.account)).blobs.getContainerClient(`${prefix}records`);
    const found: string[] = [];
    for await (const { name } of container.listBlobsFlat()) found.push(name);
    return found;
  };

  it('are as many as the records that need them, whatever becomes of these', async () => {
    const [etag] = await records.write('p', [create('a', large(1))]);
    expect(await names()).toHaveLength(1);
    await records.write('p', [{ op: 'replace', list: 'things', id: 'a', value: large(2), ifMatch: etag }]);
    expect(await names()).toHaveLength(1);
    await others.write('p', [{ op: 'replace', list: 'things', id: 'a', value: large(3) }]);
    expect(await names()).toHaveLength(1);
    expect((await records.get(key('a')))?.value).toBe(large(3));
    await expect(records.write('p', [create('a', large(4))])).rejects.toMatchObject({ name: 'ConflictError' });
    expect(await names()).toHaveLength(1);
    await records.write('p', [{ op: 'replace', list: 'things', id: 'a', value: 'small' }]);
    expect(await names()).toEqual([]);
    await records.write('p', [{ op: 'replace', list: 'things', id: 'a', value: large(5) }]);
    await records.write('p', [{ op: 'delete', list: 'things', id: 'a' }]);
    expect(await names()).toEqual([]);
  });

  it('go with their partition, and no other’s', async () => {
    await records.write('p', [create('a', large(1))]);
    await records.write('p2', [create('a', large(2))]);
    await records.deletePartition('p');
    expect(await names()).toHaveLength(1);
    expect((await records.get({ ...key('a'), partition: 'p2' }))?.value).toBe(large(2));
  });

  it('are found again by whoever names partitions, where their removal broke off', async () => {
    const blobProxy = await startStorageProxy(new URL(azurite.account.blobUrl).origin);
    try {
      const table = new URL(azurite.account.tableUrl).origin;
      const account = accountOf(connectionStringTo({ blob: blobProxy.url, table }));
      const failing = await azureRecords({ account, prefix, logFault: () => undefined });
      await failing.write('t/p', [create('a', large(1)), create('b')]);
      blobProxy.onRequest = ({ method, path }) =>
        method === 'DELETE' || path.includes('comp=list') ? { status: 403, body: '' } : undefined;
      await expect(failing.deletePartition('t/p')).rejects.toThrow();
      blobProxy.onRequest = undefined;
      expect(await names()).toHaveLength(1);
      for (const partition of await failing.partitions('t/', { limit: 10 })) await failing.deletePartition(partition);
      expect(await names()).toEqual([]);
    } finally {
      await blobProxy.close();
    }
  });

  it('are never missed by a reader while they are replaced', async () => {
    await records.write('p', [create('a', large(0))]);
    let written = 0;
    const writer = async () => {
      for (; written < 8; written += 1) {
        await others.write('p', [{ op: 'replace', list: 'things', id: 'a', value: large(written % 10) }]);
      }
    };
    const reader = async () => {
      while (written < 8) expect((await records.get<string>(key('a')))?.value).toHaveLength(1024 * 1024);
    };
    await Promise.all([writer(), reader()]);
  });
});
