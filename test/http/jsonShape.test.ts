import { limitPassed } from '../../src/http/jsonShape';
import { closingQuote } from '../../src/jsonString';
import { printedSeed, seededRandom } from '../conformance/seededRandom';

const of = (json: string, depth = 3, values = 1_000) => limitPassed(Buffer.from(json), { depth, values });

it('depth counts objects and arrays inside one another, and nothing inside of strings', () => {
  expect(of('{"a":[{"b":1}]}')).toBeUndefined();
  expect(of('{"a":[{"b":[]}]}')).toBe('depth');
  expect(of('[[],[],[],[[]],{"a":{}}]')).toBeUndefined();
  expect(of(`{"a":"[[[[{{{{","\\"[[[[":"${'x'.repeat(100)}\\"[[[["}`)).toBeUndefined();
});

it('names and values are counted, and nothing inside of strings', () => {
  expect(of(`[${'1,'.repeat(500)}1]`, 3, 502)).toBeUndefined();
  expect(of(`[${'1,'.repeat(500)}1]`, 3, 501)).toBe('values');
  expect(of(`{${'"a":"b",'.repeat(499)}"a":"b"}`, 3, 1_001)).toBeUndefined();
  expect(of(`{${'"a":"b",'.repeat(499)}"a":"b"}`, 3, 1_000)).toBe('values');
  expect(of(`["${',:[{'.repeat(1_000)}"]`)).toBeUndefined();
});

it('bytes that are no JSON are looked at to their end and no further', () => {
  for (const json of ['', '"', '"\\', '"abc', ']]]]]]', '{"a', `"${'x'.repeat(1_000)}\\`, '\\"[[[[']) {
    expect(of(json)).toBeUndefined();
  }
});

it('the end of a string is where the parser finds it', () => {
  const seed = printedSeed('jsonShape');
  const random = seededRandom(seed);
  for (let round = 0; round < 2_000; round++) {
    const pieces = ['\\', '"', 'x', 'é', 'x'.repeat(70), '\\\\', '\n'];
    const text = Array.from({ length: random() * 12 }, () => pieces[Math.floor(random() * pieces.length)]).join('');
    const json = JSON.stringify(text);
    const end = closingQuote(Buffer.from(`[${json},"behind"]`), 1);
    expect([end, json, seed]).toEqual([Buffer.byteLength(json), json, seed]);
  }
});
