import { createCircuitBreaker } from '../../src/models/circuitBreaker';

it('remembers at most a thousand routes, forgetting those first that it heard of longest ago', () => {
  let time = 0;
  const breaker = createCircuitBreaker(() => time);
  for (let route = 0; route < 5_000; route++) breaker.failed(`one/${route}`);
  expect(breaker.report()).toHaveLength(1_000);
  expect(breaker.report()[0]).toEqual({ backend: 'one', deployment: '4000', state: 'failing', failures: 1 });
  time += 1;
  breaker.answered('one/4000');
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

it('leaves a route alone for as long as its service asks, but tries it after the longest rest, and tells what was asked for', () => {
  let time = 5;
  const breaker = createCircuitBreaker(() => time, 60_000);
  breaker.rests('a', 3_600_000);
  time += 59_999;
  expect([breaker.admits('a'), breaker.restOf('a')]).toEqual([false, 3_540_001]);
  time += 1;
  expect([breaker.admits('a'), breaker.restOf('a')]).toEqual([true, undefined]);
  breaker.answered('a');
  expect(breaker.report()).toEqual([]);
});

/** A breaker whose route `a` has just begun to be probed. */
function probed() {
  const clock = { time: 0 };
  const breaker = createCircuitBreaker(() => clock.time);
  for (let failure = 0; failure < 5; failure++) breaker.failed('a');
  clock.time += 15_000;
  breaker.begin('a');
  return { clock, breaker };
}

it('admits another probe every five seconds while the first has no answer', () => {
  const { clock, breaker } = probed();
  clock.time += 4_999;
  expect([breaker.admits('a'), breaker.openFor('a')]).toEqual([false, 1]);
  clock.time += 1;
  expect([breaker.admits('a'), breaker.openFor('a')]).toEqual([true, undefined]);
  breaker.begin('a');
  expect(breaker.admits('a')).toBe(false);
  breaker.answered('a');
  expect(breaker.admits('a')).toBe(true);
  breaker.failed('a');
  expect(breaker.report()).toMatchObject([{ state: 'failing', failures: 1 }]);
});

it('is open for the whole time again once one of the probes fails', () => {
  const { clock, breaker } = probed();
  clock.time += 5_000;
  breaker.begin('a');
  breaker.failed('a');
  expect(breaker.openFor('a')).toBe(15_000);
});

it('opens after five answers in a row that broke off, though each had begun, and again after the next that does', () => {
  let time = 0;
  const breaker = createCircuitBreaker(() => time);
  const breakOff = () => {
    breaker.begin('a');
    breaker.answered('a');
    breaker.brokeOff('a');
  };
  for (let answer = 0; answer < 4; answer++) breakOff();
  breaker.answered('a');
  breaker.completed('a');
  for (let answer = 0; answer < 4; answer++) breakOff();
  expect(breaker.admits('a')).toBe(true);
  breakOff();
  expect(breaker.admits('a')).toBe(false);
  time += 15_000;
  breakOff();
  expect(breaker.admits('a')).toBe(false);
  time += 15_000;
  breaker.begin('a');
  breaker.answered('a');
  breaker.completed('a');
  expect(breaker.report()).toEqual([]);
});
