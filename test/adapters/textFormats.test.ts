/** Formats that are text: their encodings and what is read of each. */
import { documentReader, failure } from '../support/documents';

const { read, textOf } = documentReader();

describe('plain text', () => {
  it('keeps paragraphs and indentation, trims lines and leaves at most one blank line', async () => {
    expect(await read('notes.txt', 'first  \r\n  second\u00a0x\r\n\r\n\r\n\r\nth\u00adird\u200b\n')).toEqual([
      { text: 'first\n  second x\n\nthird' },
    ]);
  });

  it.each([
    'main.c',
    'app.ts',
    'script.PY',
    'page.tex',
    'server.log',
    'compose.yaml',
    'style.css',
    'README',
    'x.unknown',
  ])('reads %s as text', async (filename) => {
    expect(await textOf(filename, 'int main() { return 0; }')).toBe('int main() { return 0; }');
  });

  const japanese = '名前,年齢 東京タワー\nこれは日本語の文章です。';
  const shiftJis = Buffer.from('96bc914f2c944e97ee0a8db293a191be98592c33302c938c8b9e', 'hex');
  const utf16 = Buffer.from(japanese, 'utf16le');
  it.each<[string, Buffer, string]>([
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${japanese}`), japanese],
    ['UTF-16 little-endian with a byte order mark', Buffer.from(`\ufeff${japanese}`, 'utf16le'), japanese],
    ['UTF-16 big-endian with a byte order mark', Buffer.from(`\ufeff${japanese}`, 'utf16le').swap16(), japanese],
    ['UTF-16 little-endian without', utf16, japanese],
    ['UTF-16 big-endian without', Buffer.from(utf16).swap16(), japanese],
    ['Shift-JIS', shiftJis, '名前,年齢\n佐藤太郎,30,東京'],
    ['ISO-2022-JP', Buffer.from('\x1b$B$3$s$K$A$O@$3&\x1b(B, otters'), 'こんにちは世界, otters'],
    [
      'Thai',
      Buffer.from('cac7d1cab4d5aad2c7e2c5a120b9d5e8a4d7cda2e9cda4c7d2c1cad1e9b9e0a1d5e8c2c7a1d1bab9d2a1', 'hex'),
      'สวัสดีชาวโลก นี่คือข้อความสั้นเกี่ยวกับนาก',
    ],
    [
      'windows-1252',
      Buffer.from('Die Straße führt über die Brücke, für 5 \x80.', 'latin1'),
      'Die Straße führt über die Brücke, für 5 €.',
    ],
  ])('decodes %s', async (_encoding, content, expected) => {
    expect(await textOf('letter.txt', content)).toBe(expected);
  });

  it('finds the encoding by a letter that stands far behind the beginning', async () => {
    const text = await textOf(
      'long.txt',
      Buffer.from(`${'plain words here\n'.repeat(10_000)}Élève à Orléans, déjà vu`, 'latin1'),
    );
    expect(text.endsWith('Élève à Orléans, déjà vu')).toBe(true);
  });

  const german = 'Die Größe und das Übermaß sind schön.\n'.repeat(300);
  it.each<[string, Buffer, string]>([
    ['a stray NUL in a log', Buffer.from(`${german}cut\0 off\n${german}`), `${german}cut off\n${german}`.trimEnd()],
    [
      'names that NULs part',
      Buffer.from('./first.txt\0./second.txt\0./third.txt\0'),
      './first.txt./second.txt./third.txt',
    ],
    [
      'UTF-8 with a byte that is wrong',
      Buffer.concat([Buffer.from(german), Buffer.from([0xc3]), Buffer.from(`plain text\n${german}`)]),
      `${german}\ufffdplain text\n${german}`.trimEnd(),
    ],
    [
      'UTF-8 whose wrong byte stands far from its letters',
      Buffer.concat([Buffer.from(german), Buffer.from('plain\n'.repeat(30_000)), Buffer.from('\xff', 'latin1')]),
      `${german}${'plain\n'.repeat(30_000)}\ufffd`,
    ],
  ])('keeps the text around %s', async (_mistake, content, expected) => {
    expect(await textOf('server.log', content)).toBe(expected);
  });

  it('reads text that speaks of PDF as text', async () => {
    const text = '# Headers\n\nA PDF begins with %PDF-1.7, a picture with PNG.';
    expect(await textOf('formats.md', text)).toBe(text);
  });

  it('reads markup of a file without extension for what it is', async () => {
    expect(await textOf('page', '<!DOCTYPE html><p>One<p>Two')).toBe('One\n\nTwo');
  });
});

describe('Markdown', () => {
  it('makes a section of every heading outside fenced code and keeps the heading in the text', async () => {
    const text = 'Intro\n\n# One #\n\nfirst\n\n```sh\n# not a heading\n```\n\nTwo\n---\n\nsecond\n\n- item\n---\n';
    expect(await read('a.md', text)).toEqual([
      { text: 'Intro' },
      { heading: 'One', text: '# One #\n\nfirst\n\n```sh\n# not a heading\n```' },
      { heading: 'Two', text: 'Two\n---\n\nsecond\n\n- item\n---' },
    ]);
  });
});

describe('HTML', () => {
  it('keeps what is visible, by heading, with lists and tables on lines', async () => {
    const html = `<html><head><title>The page</title><style>p{}</style><script>let x = "<p>no</p>";</script></head><body>
      <nav><a>Home</a><a>About</a></nav><p>Hello <b>big</b>
      world &amp; all<br>next line</p><h2>Part <i>two</i></h2><ul><li>one<li><p>two</p></ul><img alt="a cat">
      <table><tr><th>Name</th><th>Age</th></tr><tr><td>Ann</td><td><p>30</p></td></tr></table>
      <pre>a  b\n  c</pre><div hidden>secret<p>x</p></div>end</body></html>`;
    expect(await read('a.html', html)).toEqual([
      { heading: 'The page', text: 'The page\n\nHello big world & all\nnext line' },
      { heading: 'Part two', text: 'Part two\n\n- one\n- two\n\na cat\n\nName | Age\nAnn | 30\n\na  b\n  c\n\nend' },
    ]);
  });

  it('reads words whole that have their readings above them', async () => {
    const html = '<p><ruby>東<rp>(</rp><rt>とう</rt><rp>)</rp>京<rt>きょう</ruby>タワー</p>';
    expect(await textOf('a.html', html)).toBe('東京タワー');
  });

  it('believes the encoding that the document declares', async () => {
    const html = Buffer.from('<meta charset="windows-1251"><p>\xcf\xf0\xe8\xe2\xe5\xf2', 'latin1');
    expect(await textOf('a.htm', html)).toBe('Привет');
  });

  it('does not believe that bytes of one a letter are UTF-16', async () => {
    const html = Buffer.from('<meta http-equiv="Content-Type" content="text/html; charset=unicode"><p>Größe', 'latin1');
    expect(await textOf('a.htm', html)).toBe('Größe');
  });

  it('reads XHTML by the rules of XML: elements may close themselves', async () => {
    const body = '<p>One <![CDATA[< two]]>&nbsp;&amp; three<br/>four</p>';
    const page = `<html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="a.js"/></head><body>${body}</body></html>`;
    expect(await textOf('a.xhtml', page)).toBe('One < two & three\nfour');
  });

  it('refuses elements nested without end', async () => {
    const error = await failure(read('a.html', '<div>'.repeat(100_000)));
    expect(error).toMatchObject({ code: 'invalid_file', message: expect.stringContaining('5,000 deep') });
  });
});

describe('XML', () => {
  it('names each value, separates records, and reads HTML inside as HTML', async () => {
    const xml = `<?xml version="1.0"?><list xmlns="x"><book id="1"><title>Emma &amp; co</title><note>a <b>bold</b> word</note></book>
      <book id="2"><title><![CDATA[<p>One</p><p>Two</p>]]></title></book></list>`;
    expect(await textOf('a.xml', xml)).toBe(
      'list:\nbook (id=1):\ntitle: Emma & co\nnote: a bold word\n\nbook (id=2):\ntitle: One\n\nTwo',
    );
  });

  it('keeps text in angle brackets that is no HTML', async () => {
    const xml =
      '<member><summary>Makes a List&lt;Order&gt;, if a &lt; b</summary><returns>std::map&lt;int, T&gt;</returns></member>';
    expect(await textOf('doc.xml', xml)).toBe(
      'member:\nsummary: Makes a List<Order>, if a < b\nreturns: std::map<int, T>',
    );
  });

  it.each([
    ['plain words', 'plain words'],
    ['before <a>in</a> behind', 'before\na: in\nbehind'],
  ])('keeps text that stands in no element: %s', async (xml, expected) => {
    expect(await textOf('a.xml', xml)).toBe(expected);
  });

  it('expands no entity that the document declares', async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `<!ENTITY e${i + 1} "&e${i};&e${i};">`).join('');
    const text = await textOf(
      'bomb.xml',
      `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "boom">${lines}]><a>see &e20; here</a>`,
    );
    expect(text).toContain('here');
    expect(text).not.toContain('boomboom');
  });
});

describe('JSON', () => {
  it('writes each value with its path, and a paragraph for each object of a list', async () => {
    const value =
      '{"a":{"b":1.50,"c":null},"big":12345678901234567890,"tags":["x","y"],"rows":[{"n":1},{"n":2}],"source":["l1\\n","l2"]}';
    expect(await textOf('a.json', value)).toBe(
      'a.b: 1.50\nbig: 12345678901234567890\ntags: x, y\n\nrows[0].n: 1\n\nrows[1].n: 2\n\nsource: l1\nl2',
    );
  });

  it('reads JSON Lines a paragraph for each line, and keeps lines that are no JSON', async () => {
    expect(await textOf('a.jsonl', '{"n":1,"m":"x"}\n\nnot json\n{"n":2}\n')).toBe('n: 1\nm: x\n\nnot json\n\nn: 2');
  });

  it.each(['{ "a": 1, // comment\n}', '['.repeat(1_000_000)])(
    'reads what is no JSON, or too deep, as text',
    async (text) => {
      expect(await textOf('a.json', text)).toBe(text);
    },
  );
});

describe('CSV', () => {
  it('gives every value its column name, one row a line', async () => {
    const csv = 'name,city,note\nAnn,Rome,"likes ""a,b""\nand c"\nBob,,x,extra\n\n';
    expect(await textOf('a.csv', csv)).toBe(
      'name; city; note\nname: Ann; city: Rome; note: likes "a,b" and c\nname: Bob; note: x; column 4: extra',
    );
  });

  it.each([';', '\t', '|'])('finds the delimiter %j', async (delimiter) => {
    expect(await textOf('a.csv', `a${delimiter}b\n1,5${delimiter}2`)).toBe('a; b\na: 1,5; b: 2');
  });

  it.each<[string, string, string]>([
    ['whose quoted names have commas', '"Name, first";"City, land"\n"Ada";"Rome"\n', 'Name, first; City, land'],
    ['whose first name has a line break', '"Full\nname";City\nAda;Rome\n', 'Full name; City'],
    ['that begins with empty lines', '\n\nName;City\nAda;Rome\n', 'Name; City'],
    ['with commas in one line and tabs in all', 'Name, first, last\tCity\nAda\tRome\n', 'Name, first, last; City'],
    ['with decimal commas', 'Name;City\nAda;Rome\n1,5;2,5\n', 'Name; City'],
    ['that names its delimiter, as Excel has it', 'sep=;\nName;City\nAda;Rome\n', 'Name; City'],
    ['that names one that no other tells', 'sep=^\r\nName^City\r\nAda^Rome\r\n', 'Name; City'],
  ])('finds the delimiter of a file %s', async (_what, csv, names) => {
    const [first = '', second = ''] = names.split('; ');
    expect((await textOf('a.csv', csv)).split('\n').slice(0, 2)).toEqual([names, `${first}: Ada; ${second}: Rome`]);
  });

  it('reads a file that is not in the format as text', async () => {
    expect(await textOf('a.csv', 'a,b\n"never closed,1\n2,3')).toBe('a,b\n"never closed,1\n2,3');
  });
});
