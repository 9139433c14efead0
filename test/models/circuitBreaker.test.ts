import { createCircuitBreaker } from '../../src/models/circuitBreaker';

it('remembers at most a thousand routes, forgetting those first that it heard of longest ago', () => {
  const breaker = createCircuitBreaker({ now: () => 0 });
  for (let failure = 0; failure < 4; failure++)
    for (let route = 0; route < 1_001; route++) breaker.failed(`one/${route}`);
  // Each was forgotten before its next failure.
  for (let route = 0; route < 1_001; route++) expect(breaker.admits(`one/${route}`)).toBe(true);
  for (let failure = 0; failure < 4; failure++)
    for (let route = 1; route < 1_001; route++) breaker.failed(`one/${route}`);
  for (let route = 1; route < 1_001; route++) expect(breaker.admits(`one/${route}`)).toBe(false);
});

it('tells of a route once when its circuit opens, and once when its failures are over', () => {
  let time = 0;
  const told: [string, boolean][] = [];
  const breaker = createCircuitBreaker({ now: () => time, changed: (...change) => void told.push(change) });
  for (let failure = 0; failure < 4; failure++) breaker.failed('one/a/b');
  expect([told, breaker.admits('one/a/b')]).toEqual([[], true]);
  for (let failure = 0; failure < 3; failure++) breaker.failed('one/a/b');
  breaker.rests('two/x', 1_000);
  expect(told).toEqual([['one/a/b', true]]);
  expect([breaker.admits('one/a/b'), breaker.admits('two/x'), breaker.admits('three/x')]).toEqual([false, false, true]);
  time += 15_000;
  expect(breaker.admits('one/a/b')).toBe(true);
  breaker.begin('one/a/b');
  expect(breaker.admits('one/a/b')).toBe(false);
  breaker.abandoned('one/a/b');
  expect(breaker.admits('one/a/b')).toBe(true);
  breaker.begin('one/a/b');
  breaker.failed('one/a/b');
  expect(told).toHaveLength(1);
  breaker.answered('one/a/b');
  breaker.completed('one/a/b');
  breaker.answered('one/a/b');
  expect(told.slice(1)).toEqual([['one/a/b', false]]);
});

it('does not tell that a route is well again while its answers still break off', () => {
  const told: boolean[] = [];
  const breaker = createCircuitBreaker({ now: () => 0, changed: (_id, isOpen) => void told.push(isOpen) });
  for (let answer = 0; answer < 8; answer++) {
    breaker.answered('a');
    breaker.brokeOff('a');
  }
  expect(told).toEqual([true]);
  breaker.answered('a');
  breaker.completed('a');
  expect(told).toEqual([true, false]);
});

it('leaves a route alone for as long as its service asks, but tries it after the longest rest, and tells what was asked for', () => {
  let time = 5;
  const breaker = createCircuitBreaker({ now: () => time, maxRestMs: 60_000 });
  breaker.rests('a', 3_600_000);
  time += 59_999;
  expect([breaker.admits('a'), breaker.restOf('a')]).toEqual([false, 3_540_001]);
  time += 1;
  expect([breaker.admits('a'), breaker.restOf('a')]).toEqual([true, undefined]);
  breaker.answered('a');
});

/** A breaker whose route `a` has just begun to be probed. */
function probed() {
  const clock = { time: 0 };
  const breaker = createCircuitBreaker({ now: () => clock.time });
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
  expect(breaker.admits('a')).toBe(true);
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
  const breaker = createCircuitBreaker({ now: () => time });
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
  for (let answer = 0; answer < 4; answer++) breakOff();
  expect(breaker.admits('a')).toBe(true);
});

it('leaves no route alone for longer because the clock was set back', () => {
  let time = 7_200_000;
  const breaker = createCircuitBreaker({ now: () => time });
  breaker.rests('limited', 20_000);
  for (let failure = 0; failure < 5; failure++) breaker.failed('failing');
  expect([breaker.admits('limited'), breaker.admits('failing')]).toEqual([false, false]);
  time -= 3_600_000;
  expect([breaker.admits('limited'), breaker.admits('failing')]).toEqual([true, true]);
  breaker.begin('failing');
  expect(breaker.admits('failing')).toBe(false);
  time += 5_000;
  expect(breaker.admits('failing')).toBe(true);
});
