import { withModel } from '../../src/models/jsonModel';
import { printedSeed, seededRandom } from '../conformance/seededRandom';

const set = (json: string, model = 'up', insert = true) =>
  Buffer.from(withModel(Buffer.from(json), model, insert)).toString('utf8');

describe('withModel', () => {
  it.each([
    ['{"model":"down"}', '{"model":"up"}'],
    [
      '{ "a" : [1, {"model": "x"}] ,\n "model"\t:  "down" , "z":null}',
      '{ "a" : [1, {"model": "x"}] ,\n "model"\t:  "up" , "z":null}',
    ],
    ['{"messages":[]}', '{"model":"up","messages":[]}'],
    ['{}', '{"model":"up"}'],
    [' { } ', ' {"model":"up" } '],
    ['{"model":null}', '{"model":"up"}'],
    ['{"model":{"a":"}"},"b":1}', '{"model":"up","b":1}'],
    ['{"model":12e3}', '{"model":"up"}'],
    ['{"a":"\\"model\\":\\"x\\\\","model":"down"}', '{"a":"\\"model\\":\\"x\\\\","model":"up"}'],
    ['{"mod\\u0065l":"down"}', '{"mod\\u0065l":"up"}'],
    ['\ufeff{"model":"down"}', '\ufeff{"model":"up"}'],
  ])('makes of %s %s', (given, expected) => {
    expect(set(given)).toBe(expected);
  });

  it('sets every one of several, since readers differ in which of them counts', () => {
    expect(set('{"model":"secret","a":1,"model":"up"}')).toBe('{"model":"up","a":1,"model":"up"}');
  });

  it('gives back the very same bytes where the name is right, also when it is written with escapes', () => {
    for (const json of ['{"a":1,"model":"up"}', '{"model":"\\u0075p"}']) {
      const bytes = Buffer.from(json);
      expect(withModel(bytes, 'up', true)).toBe(bytes);
    }
  });

  it('puts in nothing where that is not asked for', () => {
    expect(set('{"a":1}', 'up', false)).toBe('{"a":1}');
    expect(set('{"model":"down"}', 'up', false)).toBe('{"model":"up"}');
  });

  it('writes names as JSON', () => {
    expect(JSON.parse(set('{"model":"x"}', 'a"\\\n→'))).toEqual({ model: 'a"\\\n→' });
  });

  it.each(['', '   ', '[]', '"model"', '{', '{"model"', '{"model":', '{"a" 1}', '{"a":"\\'])(
    'leaves %j, which is no JSON object, as it is',
    (json) => {
      expect(set(json)).toBe(json);
    },
  );

  it('does to random documents what parsing, setting and writing would, and changes nothing else', () => {
    const random = randomJson(seededRandom(printedSeed('jsonModel')));
    for (let round = 0; round < 3_000; round++) {
      const members = random.members();
      const json = random.write(members);
      const parsed = JSON.parse(json) as Record<string, unknown>;
      const result = set(json, 'the/model "ü"');
      expect(JSON.parse(result)).toEqual({ ...parsed, model: 'the/model "ü"' });
      expect(without(result)).toBe(without(json));
    }
  });
});

/** The text without blanks, and without what the random documents hold as model, or were given. */
function without(json: string): string {
  return json
    .replace(/\s/g, '')
    .replace(/"model":"the\/model\\"ü\\"",?/g, '')
    .replace(/"model":(?:"M\\"\{,"|7\.5e1|null|\[\{"M":"]"}])(?:,)?/g, '')
    .replace(/,}$/, '}');
}

function randomJson(random: () => number) {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const blanks = () => pick(['', '', '', ' ', '\n\t', '\r\n  ']);
  const texts = [
    '',
    'model',
    'a"b',
    'back\\slash',
    '\\"',
    'ü→😀',
    '{"model":1}',
    ']',
    ',',
    ':',
    'x'.repeat(300),
    '\u0000\u001f',
  ];
  const value = (depth: number): string => {
    const kind = Math.floor(random() * (depth > 3 ? 4 : 6));
    if (kind === 0) return pick(['0', '-1.5e-7', '12345678901234567890']);
    if (kind === 1) return pick(['true', 'false', 'null']);
    if (kind < 4) return JSON.stringify(pick(texts));
    const items = Array.from({ length: Math.floor(random() * 4) }, () => value(depth + 1));
    if (kind === 4) return `[${blanks()}${items.join(`${blanks()},${blanks()}`)}${blanks()}]`;
    return `{${items.map((item) => `${blanks()}${JSON.stringify(pick(texts))}${blanks()}:${blanks()}${item}${blanks()}`).join(',')}}`;
  };
  return {
    members(): [string, string][] {
      const members: [string, string][] = Array.from({ length: Math.floor(random() * 5) }, (_, index) => [
        `"k${index}\\\\"`,
        value(0),
      ]);
      if (random() < 0.6)
        members.splice(Math.floor(random() * (members.length + 1)), 0, [
          '"model"',
          pick(['"M\\"{,"', '7.5e1', 'null', '[{"M":"]"}]']),
        ]);
      return members;
    },
    write: (members: [string, string][]) =>
      `${blanks()}{${members.map(([key, text]) => `${blanks()}${key}${blanks()}:${blanks()}${text}${blanks()}`).join(',')}${blanks()}}${blanks()}`,
  };
}
