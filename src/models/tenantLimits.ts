/**
 * Requests and tokens per minute of each tenant, over all instances.
 *
 * Instances share a count in the tenant's record: each adds its part, by a conditional write, whenever it has let through a slice (a twentieth of
 * the limit, at least one) or a second has passed with something to add, and learns the others' part by it. An instance lets through at most one slice, or one request
 * that is larger, without having asked; so a minute never gets more than the limit and, for each instance, one slice (tokens: or the largest single
 * request). With two instances and 100 requests a minute that is 110 at worst.
 *
 * Minutes are those of the clock, so that twice the limit may pass around the turn of one. Tokens count as estimated until they are settled. While the store fails, each
 * instance keeps the limit for itself alone.
 */
import { ApiError } from '../errors';
import type { TenantLimit, TenantLimits } from '../modelBackends';
import { partitionOf } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import type { Records } from '../storage/ports';

const SLICES = 20;
const SYNC_MS = 1_000;
const MINUTE_MS = 60_000;
/** Tenants that are remembered. */
const MAX_TENANTS = 10_000;
const LIST = 'modelUsage';
const ID = 'minute';

/** One admitted request. */
export interface Reservation {
  /** `x-ratelimit-*` of the tenant's limits. */
  headers: Record<string, string>;
  /** Puts the real number of tokens in place of the estimate; only the first call counts. */
  settle(tokens: number): void;
}

export interface TenantLimiter {
  /** Counts a request, or throws {@link TenantLimitError} with `retry-after` and `x-ratelimit-*`. No promise where there is nothing to wait for. */
  reserve(tenant: string | undefined, tokens: number): Reservation | Promise<Reservation>;
}

/** The tenant has used up its minute, or asks for more than one has. */
export class TenantLimitError extends ApiError {
  constructor(
    message: string,
    over: string,
    /** Undefined where no wait helps. */
    readonly retryAfterSeconds: number | undefined,
    headers: Record<string, string>,
  ) {
    // What OpenAI's libraries heed.
    const wait: Record<string, string> =
      retryAfterSeconds === undefined ? { 'x-should-retry': 'false' } : { 'retry-after': String(retryAfterSeconds) };
    super(429, message, { type: over, code: 'rate_limit_exceeded', headers: { ...wait, ...headers } });
  }
}

interface Amount {
  requests: number;
  tokens: number;
}

/** What is kept in the store. */
interface SharedCount extends Amount {
  minute: number;
}

/** This instance's view of a tenant's minute. */
interface Count {
  minute: number;
  /** All instances, as last seen, this one's written part included. */
  shared: Amount;
  /** Not yet written. */
  pending: Amount;
  /** Let through since the last time that the store was asked and has answered. */
  unasked: Amount;
  askedAt: number;
  asking?: Promise<void>;
}

const unlimited: Reservation = { headers: {}, settle: () => undefined };
const nothing = (): Amount => ({ requests: 0, tokens: 0 });

/** @param ports.now Unix milliseconds. */
export function createTenantLimiter(ports: {
  limits: TenantLimits;
  records: Records;
  now: () => number;
  logFault: (message: string, error: unknown) => void;
}): TenantLimiter {
  const { limits, records, now, logFault } = ports;
  const counts = new Map<string, Count>();

  function countOf(tenant: string): Count {
    const minute = Math.floor(now() / MINUTE_MS);
    const known = counts.get(tenant);
    // The clock of another instance may be ahead; further ahead is what a clock counted before it was set back.
    if (known && [minute, minute + 1].includes(known.minute)) return known;
    const count: Count = { minute, shared: nothing(), pending: nothing(), unasked: nothing(), askedAt: now() };
    counts.delete(tenant);
    counts.set(tenant, count);
    if (counts.size > MAX_TENANTS) for (const oldest of counts.keys()) if (counts.delete(oldest)) break;
    return count;
  }

  /** Adds this instance's part to the shared count. One at a time for each count. */
  async function ask(tenant: string, count: Count): Promise<void> {
    const { requests, tokens } = count.unasked;
    count.asking ??= add(tenant, count)
      .catch((error: unknown) =>
        logFault(`The usage of tenant '${tenant}' could not be shared with other instances:`, error),
      )
      .finally(() => {
        count.asking = undefined;
        count.askedAt = now();
        // After a failure too: the store must not stop requests.
        count.unasked = { requests: count.unasked.requests - requests, tokens: count.unasked.tokens - tokens };
      });
    await count.asking;
  }

  async function add(tenant: string, count: Count): Promise<void> {
    const added = { ...count.pending };
    const partition = partitionOf({ tenant, project: '-' }, LIST);
    await withRetries(async () => {
      const stored = await records.get<SharedCount>({ partition, list: LIST, id: ID });
      // Another instance's clock may have reached the next minute; one that is further off is wrong.
      const isCurrent = stored && [count.minute, count.minute + 1].includes(stored.value.minute);
      const sofar = isCurrent ? stored.value : { ...nothing(), minute: count.minute };
      const value = {
        minute: sofar.minute,
        requests: sofar.requests + added.requests,
        tokens: Math.max(0, sofar.tokens + added.tokens),
      };
      const change = stored
        ? ({ op: 'replace', list: LIST, id: ID, value, ifMatch: stored.etag } as const)
        : ({ op: 'create', list: LIST, id: ID, order: ID, value } as const);
      await records.write(partition, [change]);
      count.minute = value.minute;
      count.shared = value;
      count.pending = {
        requests: count.pending.requests - added.requests,
        tokens: count.pending.tokens - added.tokens,
      };
    });
  }

  async function reserveAsking(tenant: string, limit: TenantLimit, tokens: number): Promise<Reservation> {
    for (;;) {
      const count = countOf(tenant);
      const isFull = excess(count, limit, tokens) !== undefined;
      const isStale = now() - count.askedAt >= SYNC_MS;
      if (!mustAsk(count, limit, tokens) && !(isFull && isStale)) break;
      await ask(tenant, count);
    }
    return admit(tenant, limit, tokens);
  }

  function admit(tenant: string, limit: TenantLimit, tokens: number): Reservation {
    const count = countOf(tenant);
    const over = excess(count, limit, tokens);
    if (over) throw refusal(tenant, count, limit, over, tokens, now());
    for (const amount of [count.pending, count.unasked]) {
      amount.requests += 1;
      amount.tokens += tokens;
    }
    const isDue = now() - count.askedAt >= SYNC_MS || usesHalf(count, limit);
    if (isDue) void ask(tenant, count);
    let isSettled = false;
    return {
      headers: headersOf(count, limit, now()),
      settle(actual) {
        if (isSettled) return;
        isSettled = true;
        const current = countOf(tenant);
        // Tokens of an answer that took long count in the minute in which they are known; a minute that is over gives nothing back.
        if (current === count || actual > tokens) current.pending.tokens += actual - tokens;
      },
    };
  }

  return {
    reserve(tenant, tokens) {
      const limit = tenant === undefined ? undefined : (limits.get(tenant) ?? limits.get('*'));
      if (tenant === undefined || !limit) return unlimited;
      const count = countOf(tenant);
      if (mustAsk(count, limit, tokens) || excess(count, limit, tokens)) return reserveAsking(tenant, limit, tokens);
      return admit(tenant, limit, tokens);
    },
  };
}

const sliceOf = (limit: number): number => Math.max(1, Math.floor(limit / SLICES));

function mustAsk({ unasked }: Count, { requestsPerMinute, tokensPerMinute }: TenantLimit, tokens: number): boolean {
  if (unasked.requests === 0) return false;
  if (requestsPerMinute !== undefined && unasked.requests + 1 > sliceOf(requestsPerMinute)) return true;
  return tokensPerMinute !== undefined && unasked.tokens + tokens > sliceOf(tokensPerMinute);
}

/** In time for the answer to come before the slice is used up. */
function usesHalf({ unasked }: Count, { requestsPerMinute, tokensPerMinute }: TenantLimit): boolean {
  if (requestsPerMinute !== undefined && unasked.requests * 2 >= sliceOf(requestsPerMinute)) return true;
  return tokensPerMinute !== undefined && unasked.tokens * 2 >= sliceOf(tokensPerMinute);
}

const used = ({ shared, pending }: Count): Amount => ({
  requests: shared.requests + pending.requests,
  tokens: Math.max(0, shared.tokens + pending.tokens),
});

/** Which limit the request would break. */
function excess(
  count: Count,
  { requestsPerMinute, tokensPerMinute }: TenantLimit,
  tokens: number,
): keyof Amount | undefined {
  const { requests, tokens: usedTokens } = used(count);
  if (requestsPerMinute !== undefined && requests + 1 > requestsPerMinute) return 'requests';
  return tokensPerMinute !== undefined && usedTokens + tokens > tokensPerMinute ? 'tokens' : undefined;
}

const secondsLeft = ({ minute }: Count, now: number): number =>
  Math.max(1, Math.ceil(((minute + 1) * MINUTE_MS - now) / 1000));

function headersOf(
  count: Count,
  { requestsPerMinute, tokensPerMinute }: TenantLimit,
  now: number,
): Record<string, string> {
  const amount = used(count);
  const headers: Record<string, string> = {};
  const set = (what: keyof Amount, limit: number | undefined): void => {
    if (limit === undefined) return;
    headers[`x-ratelimit-limit-${what}`] = String(limit);
    headers[`x-ratelimit-remaining-${what}`] = String(Math.max(0, limit - amount[what]));
    headers[`x-ratelimit-reset-${what}`] = `${secondsLeft(count, now)}s`;
  };
  set('requests', requestsPerMinute);
  set('tokens', tokensPerMinute);
  return headers;
}

function refusal(
  tenant: string,
  count: Count,
  limit: TenantLimit,
  over: keyof Amount,
  tokens: number,
  now: number,
): TenantLimitError {
  const most = (over === 'requests' ? limit.requestsPerMinute : limit.tokensPerMinute) ?? 0;
  const headers = headersOf(count, limit, now);
  if (over === 'tokens' && tokens > most) {
    const message = `The request counts ${tokens} tokens, those that it asks for among them, and the tenant '${tenant}' may use ${most} per minute. Shorten it, or set a lower max_tokens.`;
    return new TenantLimitError(message, over, undefined, headers);
  }
  const seconds = secondsLeft(count, now);
  const counts = over === 'tokens' ? `, and the request counts ${tokens}` : '';
  const message = `Rate limit reached for tenant '${tenant}': ${used(count)[over]} of ${most} ${over} per minute are used${counts}. Please try again in ${seconds}s.`;
  return new TenantLimitError(message, over, seconds, headers);
}
