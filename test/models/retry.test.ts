import { defaultRetryPolicy, readRetryAfter, retryDelay } from '../../src/models/retry';

const policy = defaultRetryPolicy;
const now = Date.UTC(2026, 0, 1);

describe('retryDelay', () => {
  it('doubles the wait from try to try up to the greatest, and takes off up to half of it by chance', () => {
    const long = { ...policy, tries: 10 };
    expect([1, 2, 3, 4, 5, 6, 7].map((failed) => retryDelay(long, failed, 0, {}, 1))).toEqual([
      500, 1000, 2000, 4000, 8000, 8000, 8000,
    ]);
    expect([1, 2, 3].map((failed) => retryDelay(long, failed, 0, {}, 0))).toEqual([250, 500, 1000]);
  });

  it('waits as long as the service asks and by chance up to a tenth longer, but not beyond the budget', () => {
    const waits = [0, 0.5, 1].map((random) => retryDelay(policy, 1, 0, { afterMs: 7_000 }, random));
    expect(waits.map((wait = NaN) => Math.round(wait))).toEqual([7_000, 7_350, 7_700]);
    const elapsed = policy.budgetMs - 7_100;
    expect(retryDelay(policy, 1, elapsed, { afterMs: 7_000 }, 1)).toBe(7_100);
    expect(retryDelay(policy, 1, elapsed, { afterMs: 7_101 }, 0)).toBeUndefined();
  });

  it('waits by itself where the service asks for no time at all, as one does whose clock is behind', () => {
    expect([1, 2, 3].map((failed) => retryDelay(policy, failed, 0, { afterMs: 0 }, 1))).toEqual([500, 1000, 2000]);
  });

  it('ends when the tries are used up', () => {
    expect(retryDelay(policy, policy.tries - 1, 0, {}, 0)).toBeDefined();
    expect(retryDelay(policy, policy.tries, 0, {}, 0)).toBeUndefined();
  });

  it('ends when the service asks for more than the greatest wait, rather than come back too early', () => {
    expect(retryDelay(policy, 1, 0, { afterMs: policy.maxRetryAfterMs }, 0)).toBe(policy.maxRetryAfterMs);
    expect(retryDelay(policy, 1, 0, { afterMs: policy.maxRetryAfterMs + 1 }, 0)).toBeUndefined();
  });

  it('ends when the wait would pass the budget', () => {
    expect(retryDelay(policy, 1, policy.budgetMs - 500, {}, 1)).toBe(500);
    expect(retryDelay(policy, 1, policy.budgetMs - 499, {}, 1)).toBeUndefined();
  });
});

describe('readRetryAfter', () => {
  it.each([
    [{ 'retry-after': '3' }, 3000],
    [{ 'retry-after': ' 1.5 ' }, 1500],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:20 GMT' }, 20_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 23:59:00 GMT' }, 0],
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'retry-after-ms': '250', 'retry-after': '3' }, 250],
    [{ 'retry-after-ms': 'soon', 'retry-after': '3' }, 3000],
    [{ 'retry-after': ['4', '9'] }, 4000],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
  ])('reads %j as %j ms', (headers, expected) => {
    expect(readRetryAfter(headers, now)).toBe(expected);
  });
});
