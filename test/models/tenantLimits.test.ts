import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAiChat } from '../../src/adapters/openAiChat';
import { openAiEmbeddings } from '../../src/adapters/openAiEmbeddings';
import { sqliteRecords } from '../../src/adapters/sqlite';
import { ApiError } from '../../src/errors';
import type { TenantLimit } from '../../src/modelBackends';
import { createTenantLimiter, type Reservation, type TenantLimiter } from '../../src/models/tenantLimits';
import type { Records } from '../../src/storage/ports';
import { chatCall, gatewayOver, openAiBackend, textOf } from '../support/gateway';
import { manualClock } from '../support/manualClock';
import { reply, startScriptedUpstream } from '../support/scriptedUpstream';

let directory: string;
let stores: Records[];
/** Ten seconds after the beginning of a minute. */
let time: number;
let faults: unknown[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'limits-'));
  stores = [];
  time = Date.UTC(2026, 0, 1, 12, 0, 10);
  faults = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  await rm(directory, { recursive: true });
});

async function openStore(): Promise<Records> {
  const store = await sqliteRecords(join(directory, 'records.sqlite'));
  stores.push(store);
  return store;
}

const limiter = (limit: TenantLimit, records: Records, tenants = ['team-a']): TenantLimiter =>
  createTenantLimiter({
    limits: new Map(tenants.map((tenant) => [tenant, limit])),
    records,
    now: () => time,
    logFault: (_message, error) => faults.push(error),
  });

/** The reservation, or the refusal. */
async function reserve(instance: TenantLimiter, tokens = 0, tenant = 'team-a'): Promise<Reservation | ApiError> {
  try {
    return await instance.reserve(tenant, tokens);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

async function admitted(instance: TenantLimiter, times: number, tokens = 0): Promise<number> {
  let count = 0;
  for (let call = 0; call < times; call++) if (!((await reserve(instance, tokens)) instanceof ApiError)) count += 1;
  return count;
}

describe('one instance', () => {
  it('lets through exactly the limit of requests, then answers 429 with the time until the next minute', async () => {
    const instance = limiter({ requestsPerMinute: 3 }, await openStore());
    expect(await admitted(instance, 3)).toBe(3);
    const refused = await reserve(instance);
    expect(refused).toMatchObject({
      status: 429,
      details: {
        type: 'requests',
        code: 'rate_limit_exceeded',
        headers: {
          'retry-after': '50',
          'x-ratelimit-limit-requests': '3',
          'x-ratelimit-remaining-requests': '0',
          'x-ratelimit-reset-requests': '50s',
        },
      },
    });
    time += 50_000;
    expect(await admitted(instance, 9)).toBe(3);
  });

  it('counts tokens as estimated, and corrects them by what the answer took', async () => {
    const instance = limiter({ tokensPerMinute: 1000 }, await openStore());
    const one = await reserve(instance, 900);
    if (one instanceof ApiError) throw one;
    expect(one.headers).toEqual({
      'x-ratelimit-limit-tokens': '1000',
      'x-ratelimit-remaining-tokens': '100',
      'x-ratelimit-reset-tokens': '50s',
    });
    expect(await reserve(instance, 200)).toMatchObject({ status: 429, details: { type: 'tokens' } });
    one.settle(300);
    one.settle(0); // Only the first counts.
    expect(await admitted(instance, 5, 200)).toBe(3);
  });

  it('tells of a request that is larger than the whole minute what it counts, and that no wait helps', async () => {
    const instance = limiter({ tokensPerMinute: 1000 }, await openStore());
    const refused = await reserve(instance, 1001);
    expect(refused).toMatchObject({
      status: 429,
      message:
        "The request counts 1001 tokens, those that it asks for among them, and the tenant 'team-a' may use 1000 per minute. Shorten it, or set a lower max_tokens.",
      details: { type: 'tokens', code: 'rate_limit_exceeded', headers: { 'x-should-retry': 'false' } },
    });
    expect(refused).not.toHaveProperty(['details', 'headers', 'retry-after']);
    const fits = await reserve(instance, 600);
    expect(fits).not.toBeInstanceOf(ApiError);
    expect(await reserve(instance, 600)).toMatchObject({
      message:
        "Rate limit reached for tenant 'team-a': 600 of 1000 tokens per minute are used, and the request counts 600. Please try again in 50s.",
    });
  });

  it('lets nobody wait for the minutes that a clock was ahead before it was set back', async () => {
    const instance = limiter({ requestsPerMinute: 2 }, await openStore());
    time += 3_600_000;
    expect(await admitted(instance, 3)).toBe(2);
    time -= 3_600_000;
    expect(await admitted(instance, 3)).toBe(2);
    expect(await reserve(instance)).toMatchObject({ details: { headers: { 'retry-after': '50' } } });
  });

  it('counts tokens beyond the estimate in the minute in which they are known, and gives none back in another', async () => {
    const instance = limiter({ tokensPerMinute: 1000 }, await openStore());
    const [more, less] = [await reserve(instance, 100), await reserve(instance, 100)];
    if (more instanceof ApiError || less instanceof ApiError) throw new Error('refused');
    time += 60_000;
    more.settle(700);
    less.settle(0);
    expect(await admitted(instance, 10, 100)).toBe(4);
  });

  it('limits neither other tenants nor work without one, and * those that are not named', async () => {
    const records = await openStore();
    const instance = limiter({ requestsPerMinute: 1 }, records);
    for (const tenant of ['team-b', undefined]) for (let call = 0; call < 3; call++) await instance.reserve(tenant, 0);
    const everyone = limiter({ requestsPerMinute: 1 }, records, ['*']);
    expect(await reserve(everyone, 0, 'x')).not.toBeInstanceOf(ApiError);
    expect(await reserve(everyone, 0, 'y')).not.toBeInstanceOf(ApiError);
    expect(await reserve(everyone, 0, 'x')).toBeInstanceOf(ApiError);
  });

  it('keeps the limit by itself, and tells of it, while the store fails', async () => {
    const fail = () => Promise.reject(new Error('down'));
    const instance = limiter({ requestsPerMinute: 5 }, { get: fail, write: fail } as unknown as Records);
    expect(await admitted(instance, 20)).toBe(5);
    expect(faults.length).toBeGreaterThan(0);
  });

  it('asks the store at most once for each half slice, and never waits for it before a slice is used up', async () => {
    const records = await openStore();
    let writes = 0;
    const counted: Records = {
      ...records,
      get: records.get.bind(records),
      write: async (...given) => (writes++, await records.write(...given)),
    };
    const instance = limiter({ requestsPerMinute: 2000 }, counted);
    for (let call = 0; call < 40; call++) expect(instance.reserve('team-a', 0)).not.toBeInstanceOf(Promise);
    expect(writes).toBe(0);
    expect(await admitted(instance, 3000)).toBe(1960);
    expect(writes).toBeLessThanOrEqual(41);
  });
});

describe('instances that share a database', () => {
  it.each([
    [2, 60],
    [2, 100],
    [3, 400],
  ])(
    '%i of them let through at most %i requests and one slice each, and not fewer than the limit',
    async (instances, limit) => {
      const own = await Promise.all(Array.from({ length: instances }, openStore));
      const all = own.map((store) => limiter({ requestsPerMinute: limit }, store));
      const counts = await Promise.all(all.map((instance) => admitted(instance, limit)));
      const total = counts.reduce((sum, count) => sum + count, 0);
      expect(total).toBeGreaterThanOrEqual(limit);
      expect(total).toBeLessThanOrEqual(limit + instances * Math.floor(limit / 20));
    },
  );

  it('keep the bound when calls come all at once', async () => {
    const store = await openStore();
    const all = [limiter({ requestsPerMinute: 100 }, store), limiter({ requestsPerMinute: 100 }, store)];
    const results = await Promise.all(
      Array.from({ length: 400 }, (_, call) => reserve(all[call % 2] as TenantLimiter)),
    );
    const total = results.filter((result) => !(result instanceof ApiError)).length;
    expect(total).toBeGreaterThanOrEqual(100);
    expect(total).toBeLessThanOrEqual(110);
  });

  it('keep tokens within the limit and one slice each', async () => {
    const store = await openStore();
    const all = [limiter({ tokensPerMinute: 10_000 }, store), limiter({ tokensPerMinute: 10_000 }, store)];
    const counts = await Promise.all(all.map((instance) => admitted(instance, 200, 100)));
    const total = counts.reduce((sum, count) => sum + count, 0) * 100;
    expect(total).toBeGreaterThanOrEqual(10_000);
    expect(total).toBeLessThanOrEqual(11_000);
  });

  it('learn within a second of use what another gave back', async () => {
    const store = await openStore();
    const [one, two] = [limiter({ tokensPerMinute: 1000 }, store), limiter({ tokensPerMinute: 1000 }, store)];
    const reservation = await reserve(one, 1000);
    if (reservation instanceof ApiError) throw reservation;
    time += 1_000;
    expect(await reserve(one, 10)).toBeInstanceOf(ApiError); // Which has shared its count by now.
    time += 1_000;
    expect(await reserve(two, 500)).not.toBeInstanceOf(ApiError);
    time += 1_000;
    expect(await reserve(two, 500)).toBeInstanceOf(ApiError);
    reservation.settle(100);
    time += 1_000;
    expect(await reserve(one, 400)).not.toBeInstanceOf(ApiError);
    time += 1_000;
    await reserve(one, 0);
  });
});

describe('Calls of the package itself for a tenant, as runs and ingestion make them,', () => {
  const limited = async (limit: TenantLimit) => {
    const upstream = await startScriptedUpstream();
    const clock = manualClock();
    const gateway = gatewayOver([openAiBackend(upstream)], {
      clock,
      records: await openStore(),
      tenantLimits: new Map([['team-a', limit]]),
    });
    const ask = async (tenant = 'team-a') => {
      let text = '';
      const request = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'Hello' }] };
      for await (const event of openAiChat(gateway).stream(request, undefined, tenant))
        if (event.type === 'text') text += event.text;
      return text;
    };
    return { upstream, clock, gateway, ask };
  };

  it('count for its limits, and wait for the next minute as they do for a limit of the service', async () => {
    const { upstream, clock, gateway, ask } = await limited({ requestsPerMinute: 2 });
    try {
      clock.time += 15_000;
      expect(await ask()).not.toBe('');
      const vectors = await openAiEmbeddings(gateway, 'embed', 'id', 1).embed(['a'], 'query', undefined, 'team-a');
      expect([vectors.length, clock.sleeps]).toEqual([1, []]);
      const other = gateway.forward(chatCall({ model: 'gpt-4o', messages: [] }, { tenant: 'team-a' }));
      await expect(other).rejects.toMatchObject({ status: 429 });
      expect(await ask('team-b')).not.toBe('');
      expect(await ask()).not.toBe('');
      expect(clock.sleeps).toEqual([45_000]);
      expect(upstream.calls).toMatchObject({ chat: 3, embeddings: 1 });
    } finally {
      await upstream.close();
    }
  });

  it('fail as refused, without a wait, where no minute has room for them', async () => {
    const { upstream, clock, ask } = await limited({ tokensPerMinute: 10 });
    try {
      await expect(ask()).rejects.toMatchObject({ kind: 'invalid_request', code: 'request_too_large' });
      expect([upstream.calls.chat, clock.sleeps]).toEqual([0, []]);
    } finally {
      await upstream.close();
    }
  });

  it('embed in calls that fit into a minute, one after the other', async () => {
    const { upstream, clock, gateway } = await limited({ tokensPerMinute: 1_000 });
    try {
      const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(3_000));
      const vectors = await openAiEmbeddings(gateway, 'embed', 'id', 1, clock).embed(
        texts,
        'document',
        undefined,
        'team-a',
      );
      expect(vectors).toHaveLength(3);
      expect(upstream.requests.map(({ body }) => body.input)).toEqual(texts.map((text) => [text]));
      const large = openAiEmbeddings(gateway, 'embed', 'id', 1, clock).embed(
        ['d'.repeat(8_000)],
        'document',
        undefined,
        'team-a',
      );
      await expect(large).rejects.toMatchObject({ code: 'request_too_large' });
    } finally {
      await upstream.close();
    }
  });

  it('count the tokens that an answer says it took', async () => {
    const { upstream, ask, gateway } = await limited({ tokensPerMinute: 1_000 });
    try {
      const chunk = (more: object) => `data: ${JSON.stringify({ choices: [], ...more })}\n\n`;
      const choices = [{ index: 0, delta: { content: 'Hello' }, finish_reason: 'stop' }];
      const usage = { prompt_tokens: 400, completion_tokens: 500, total_tokens: 900 };
      upstream.enqueue(reply.raw([chunk({ choices }), chunk({ usage }), 'data: [DONE]\n\n']));
      expect(await ask()).toBe('Hello');
      const other = await gateway.forward(chatCall({ model: 'gpt-4o', messages: [] }, { tenant: 'team-a' }));
      await textOf(other);
      expect(other.headers.get('x-ratelimit-remaining-tokens')).toBe('100');
    } finally {
      await upstream.close();
    }
  });
});

it('a gateway answers 429 before any call, and tells what is left with each answer', async () => {
  const upstream = await startScriptedUpstream();
  try {
    const gateway = gatewayOver([openAiBackend(upstream)], {
      records: await openStore(),
      tenantLimits: new Map([['team-a', { requestsPerMinute: 2, tokensPerMinute: 100_000 }]]),
    });
    const call = async () =>
      gateway.forward(chatCall({ model: 'gpt-4o', messages: [] }, { tenant: 'team-a', estimatedTokens: 10 }));
    const answer = await call();
    await textOf(answer);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-limit-tokens': '100000',
    });
    await textOf(await call());
    await expect(call()).rejects.toMatchObject({ status: 429, details: { code: 'rate_limit_exceeded' } });
    expect(upstream.calls.chat).toBe(2);
  } finally {
    await upstream.close();
  }
});
