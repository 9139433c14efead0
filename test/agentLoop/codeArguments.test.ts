import { CodeArguments } from '../../src/agentLoop/codeArguments';
import { printedSeed, seededRandom } from '../conformance/seededRandom';

/** The code that comes of the arguments in such pieces; what is told while they come adds up to it. */
function read(pieces: string[]): string {
  const reader = new CodeArguments();
  const told = [...pieces.map((piece) => reader.push(piece)), reader.end()].join('');
  expect(told).toBe(reader.code);
  return reader.code;
}

const codes = [
  'print("hi")\nprint(1 / 2)',
  'x = "\\n\\t\\"quoted\\"" # 🦦 \u2028 é',
  "path = 'C:\\\\temp'",
  '',
  '{"a": 1}["a"]',
];

it.each(codes)('code in the JSON object is read as it was written: %j', (code) => {
  for (const json of [JSON.stringify({ code }), ` {\n "code" : ${JSON.stringify(code)} }`]) {
    expect(read([json])).toBe(code);
    expect(read([...json])).toBe(code);
  }
});

it('escaped characters beyond the basic plane arrive whole, however they are torn apart', () => {
  const json = '{"code":"a\\ud83e\\udda6b\\u00e9"}';
  for (let cut = 1; cut < json.length; cut += 1) {
    const reader = new CodeArguments();
    for (const piece of [reader.push(json.slice(0, cut)), reader.push(json.slice(cut))])
      expect(piece.isWellFormed()).toBe(true);
    expect(reader.code).toBe('a🦦bé');
  }
});

it.each([
  'print(1)',
  '  for x in range(3):\n    print(x)',
  '"a string" + "another"',
  '{"a": 1, 2: 3}',
  '{1, 2}',
  '[1, 2]',
])('bare code is taken as it is: %j', (code) => {
  expect(read([...code])).toBe(code);
});

it('code is found behind other members, in a JSON string, and with raw line breaks', () => {
  expect(read(['{"language":"python","code":"x = 1"}'])).toBe('x = 1');
  expect(read(['"x = 1"'])).toBe('x = 1');
  expect(read(['{"code":"x = 1\ny = 2"}'])).toBe('x = 1\ny = 2');
});

it.each(['{}', '{"language":"python"}', '{"code":null}', '{"code":["x = 1"]}', ''])(
  'arguments without code give none: %j',
  (json) => {
    expect(read([...json])).toBe('');
  },
);

it('arguments that break off give the code so far', () => {
  expect(read(['{"code":"x = 1', '\\'])).toBe('x = 1\\');
  expect(read(['{"co'])).toBe('{"co');
});

it('any code in any pieces is the same code', () => {
  const random = seededRandom(printedSeed('any code in any pieces is the same code'));
  const below = (end: number) => Math.floor(random() * end);
  const alphabet = ['"', '\\', '\n', 'a', '🦦', '{', '}', 'u', '0', ' '];
  for (let round = 0; round < 300; round += 1) {
    const code = Array.from({ length: below(30) }, () => alphabet[below(alphabet.length)]).join('');
    const json = JSON.stringify({ code });
    const pieces: string[] = [];
    for (let at = 0; at < json.length;) {
      const length = 1 + below(6);
      pieces.push(json.slice(at, at + length));
      at += length;
    }
    expect(read(pieces)).toBe(code);
  }
});
