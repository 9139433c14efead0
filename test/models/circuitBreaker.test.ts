import { createCircuitBreaker } from '../../src/models/circuitBreaker';

it('remembers at most a thousand routes, forgetting those first that it heard of longest ago', () => {
  let time = 0;
  const breaker = createCircuitBreaker(() => time);
  for (let route = 0; route < 5_000; route++) breaker.failed(`one/${route}`);
  expect(breaker.report()).toHaveLength(1_000);
  expect(breaker.report()[0]).toEqual({ backend: 'one', deployment: '4000', state: 'failing', failures: 1 });
  time += 1;
  breaker.succeeded('one/4000');
  expect(breaker.report()).toHaveLength(999);
});

it('tells the state of each route', () => {
  let time = 0;
  const breaker = createCircuitBreaker(() => time);
  for (let failure = 0; failure < 5; failure++) breaker.failed('one/a/b');
  breaker.rests('two/x', 1_000);
  expect(breaker.report()).toEqual([
    { backend: 'one', deployment: 'a/b', state: 'open', failures: 5 },
    { backend: 'two', deployment: 'x', state: 'resting', failures: 0 },
  ]);
  expect([breaker.admits('one/a/b'), breaker.admits('two/x'), breaker.admits('three/x')]).toEqual([false, false, true]);
  time += 15_000;
  expect(breaker.admits('one/a/b')).toBe(true);
  breaker.begin('one/a/b');
  expect(breaker.report()[0]).toMatchObject({ state: 'half-open' });
  expect(breaker.admits('one/a/b')).toBe(false);
  breaker.abandoned('one/a/b');
  expect(breaker.admits('one/a/b')).toBe(true);
});
