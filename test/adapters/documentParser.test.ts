import { execFile } from 'node:child_process';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { documentParser } from '../../src/adapters/documentParser';
import { DocumentThreads } from '../../src/adapters/documents/documentThreads';
import { type DocumentParser, type DocumentSection } from '../../src/retrieval/ports';
import { collectGarbage } from '../support/collectGarbage';
import { failure, readWith } from '../support/documents';
import { docxFile, paragraph, pptxFile } from '../fixtures/documents/officeFile';
import { pdfFile } from '../fixtures/documents/pdfFile';
import { zipFile } from '../fixtures/documents/zipFile';

const systemTemporary = process.env.TMPDIR;
let temporary: string;
let parser: ReturnType<typeof documentParser>;

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'document-parser-'));
  process.env.TMPDIR = temporary;
  parser = documentParser();
});

afterAll(async () => {
  await parser.close();
  if (systemTemporary === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = systemTemporary;
  await rm(temporary, { recursive: true });
});

const read = async (
  filename: string,
  content: string | Buffer,
  using: DocumentParser = parser,
  signal?: AbortSignal,
): Promise<DocumentSection[]> => readWith(using, filename, content, signal);

const textOf = async (filename: string, content: string | Buffer): Promise<string> =>
  (await read(filename, content)).map((section) => section.text).join('\n\n');

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

  it('believes the encoding that the document declares', async () => {
    const html = Buffer.from('<meta charset="windows-1251"><p>\xcf\xf0\xe8\xe2\xe5\xf2', 'latin1');
    expect(await textOf('a.htm', html)).toBe('Привет');
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

describe('PDF', () => {
  it('makes a section of every page with text, with paragraphs, and joins hyphenated words', async () => {
    const file = pdfFile([['The first para-', 'graph ends.', '', '', 'The second.'], [], ['Page three']]);
    expect(await read('a.pdf', file)).toEqual([
      { page: 1, text: 'The first paragraph ends.\n\nThe second.' },
      { page: 3, text: 'Page three' },
    ]);
  });

  it('reads text in a font that is not in the file, by the character maps of its library', async () => {
    expect(await textOf('a.pdf', pdfFile([['<65E5672C8A9E>']]))).toBe('日本語');
  });

  it.each([
    // The page shows the last letter of a word leftmost; X and V are glyphs for two characters each.
    ['a ligature', 'MXS', 'سلام'],
    ['ligatures of several words', 'NXF MXS', 'سلام فلان'],
    ['a letter that has its mark with it', 'NV', 'فَن'],
    ['presentation forms', 'MP', 'لام'],
    ['words among others', 'The word MXS is a greeting, NXF is not', 'The word سلام is a greeting, فلان is not'],
  ])('reads %s of a script from right to left in the order of reading', async (_what, line, expected) => {
    const meanings = { M: 'م', S: 'س', N: 'ن', F: 'ف', X: 'لا', V: 'فَ', P: '\ufefb' };
    const itself = Object.fromEntries([...line].map((glyph) => [glyph, glyph]));
    expect(await textOf('a.pdf', pdfFile([[line]], { meanings: { ...itself, ...meanings } }))).toBe(expected);
  });

  it.each<[string, Buffer, string]>([
    [
      'without text',
      pdfFile([[], []]),
      'The PDF has no text; it may be a scan, and text recognition is not available.',
    ],
    ['with a password', pdfFile([['secret']], { encrypted: true }), 'The PDF is protected by a password.'],
    ['that is damaged', Buffer.from('%PDF-1.4\nthis is no pdf'), 'The PDF is damaged and cannot be read.'],
    ['that is none', Buffer.from('plain text'), 'The file is named .pdf but is not a PDF; it may be damaged.'],
  ])('refuses a PDF %s', async (_what, content, message) => {
    expect(await failure(read('a.pdf', content))).toMatchObject({ code: 'invalid_file', message });
  });
});

describe('Word and PowerPoint', () => {
  it('reads headings, lists, tables, formulas, moved and deleted text, and notes', async () => {
    const body = [
      paragraph('Opening'),
      paragraph('Chapter &amp; verse', '<w:pStyle w:val="U1"/>'),
      paragraph('one', '<w:numPr/>'),
      '<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>old</w:t></w:r></w:moveFrom>',
      '<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>',
      `<w:tbl><w:tr><w:tc>${paragraph('k')}</w:tc><w:tc>${paragraph('v')}</w:tc></w:tr></w:tbl>`,
      '<w:p><m:f><m:num><m:r><m:t>x</m:t></m:r></m:num><m:den><m:r><m:t>y</m:t></m:r></m:den></m:f></w:p>',
    ];
    expect(await read('a.docx', docxFile(body.join(''), {}, 'A footnote'))).toEqual([
      { text: 'Opening' },
      { heading: 'Chapter & verse', text: 'Chapter & verse\n\n- one\n\na\tb\nc\n\nk | v\n\nx/y' },
      { text: 'A footnote' },
    ]);
  });

  it('reads slides in the order they are shown, with their titles, without their numbers', async () => {
    const file = pptxFile([
      { title: 'Goals', line: 'Ship it' },
      { title: 'Costs', line: 'Few' },
    ]);
    expect(await read('a.pptx', file)).toEqual([
      { page: 1, heading: 'Goals', text: 'Goals\n\nShip it' },
      { page: 2, heading: 'Costs', text: 'Costs\n\nFew' },
    ]);
  });

  it.each<[string, Buffer, string]>([
    ['that declares more than it may unpack to', docxFile('x', { declaredBytes: 300_000_000 }), 'more than 200 MB'],
    [
      'that unpacks to more than it declares',
      docxFile(paragraph('x'.repeat(100_000)), { declaredBytes: 1000 }),
      'damaged',
    ],
    [
      'with too many entries',
      zipFile(Array.from({ length: 10_001 }, (_, i) => ({ name: `${i}`, content: '' }))),
      '10,000 entries',
    ],
    ['cut in the middle', docxFile(paragraph('text')).subarray(0, 900), 'damaged'],
    ['without a document', zipFile([{ name: 'other.txt', content: 'x' }]), 'damaged'],
    ['with encrypted parts', docxFile('x', { encrypted: true }), 'protected by a password'],
    ['without text', docxFile('<w:p/>'), 'The file has no text.'],
    ['with too much text', docxFile(paragraph('many words '.repeat(2_000_000))), '5,000,000 tokens'],
  ])('refuses a .docx %s', async (_what, content, message) => {
    const error = await failure(read('a.docx', content));
    expect(error).toMatchObject({ code: 'invalid_file', message: expect.stringContaining(message) });
  });
});

describe('refusals', () => {
  const png = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex');

  it.each<[string, string, Buffer | string, string]>([
    ['unsupported_file', 'a.png', png, 'The file is a .png file (image/png), which is not read.'],
    ['unsupported_file', 'a.txt', png, 'The file is a .png file (image/png) named .txt'],
    [
      'unsupported_file',
      'a.txt',
      Buffer.from(Array.from({ length: 999 }, (_, i) => (i * 7) % 256)),
      'binary data of an unknown kind named .txt',
    ],
    ['unsupported_file', 'a.zip', zipFile([{ name: 'a.txt', content: 'x' }]), 'a .zip file'],
    ['unsupported_file', 'a.doc', '{\\rtf1 text}', 'an RTF document'],
    ['invalid_file', 'a.txt', '', 'The file is empty.'],
    ['invalid_file', 'a.txt', ' \n\t\n ', 'The file has no text.'],
  ])('%s for %s', async (code, filename, content, message) => {
    expect(await failure(read(filename, content))).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('names the kinds that are read', async () => {
    expect((await failure(read('a.png', png))).message).toContain(
      'PDF, Word (.docx, .doc), PowerPoint (.pptx), spreadsheets (.xlsx, .xls, .xlsb, .ods)',
    );
  });
});

describe('limits', () => {
  function endless(unit: string, bytes: number): Readable {
    const part = Buffer.from(unit.repeat(Math.ceil(65_536 / unit.length)));
    return Readable.from(Array.from({ length: Math.ceil(bytes / part.length) }, () => part));
  }

  it.each(['a.txt', 'a.csv', 'a.html', 'a.xml'])(
    'refuses 200 MB of text in %s without holding it',
    async (filename) => {
      collectGarbage();
      const before = process.memoryUsage();
      const file = { filename, bytes: 200_000_000, open: async () => endless('some, words and\n', 200_000_000) };
      const error = await failure(parser.parse(file));
      expect(error).toMatchObject({
        code: 'invalid_file',
        message: expect.stringContaining('at most 5,000,000 tokens'),
      });
      collectGarbage();
      expect(process.memoryUsage().external - before.external).toBeLessThan(50_000_000);
    },
  );

  it('reads a text just under the limit', async () => {
    const sections = await parser.parse({
      filename: 'a.txt',
      bytes: 1,
      open: async () => endless('some, words and\n', 19_900_000),
    });
    expect(sections[0]?.text.length).toBeGreaterThan(19_800_000);
  });

  it('refuses a file of more than 512 MB by its size, without opening it', async () => {
    const open = jest.fn();
    const error = await failure(parser.parse({ filename: 'a.txt', bytes: 600_000_000, open }));
    expect(error).toMatchObject({ code: 'invalid_file', message: expect.stringContaining('larger than 512 MB') });
    expect(open).not.toHaveBeenCalled();
  });

  it('ends a document that takes too long and reads the next', async () => {
    const hasty = documentParser({ timeLimitMs: 1 });
    const error = await failure(read('a.txt', 'text', hasty));
    expect(error).toMatchObject({
      code: 'invalid_file',
      message: expect.stringContaining('took longer than 0.001 seconds'),
    });
    expect(await textOf('a.txt', 'text')).toBe('text');
    await hasty.close();
  });

  it('ends a document that takes too much memory and reads the next in the same parser', async () => {
    const small = documentParser({ memoryLimitMb: 24, threads: 1 });
    const greedy = `[${'{"a":{"b":[]}},'.repeat(500_000)}0]`;
    const [first, second] = await Promise.allSettled([read('a.json', greedy, small), read('a.txt', 'text', small)]);
    expect(first).toMatchObject({
      reason: { code: 'invalid_file', message: expect.stringContaining('more than 24 MB of memory') },
    });
    expect(second).toMatchObject({ value: [{ text: 'text' }] });
    await small.close();
  });

  it('survives a reader that stops', async () => {
    const workerFile = join(temporary, 'stops.js');
    await writeFile(workerFile, "require('node:worker_threads').parentPort.on('message', () => process.exit(3));");
    const threads = new DocumentThreads(workerFile, {
      threads: 1,
      timeLimitMs: 10_000,
      memoryLimitMb: 64,
      idleMs: 1000,
    });
    const error = await failure(threads.read({ path: workerFile, filename: 'a.txt', bytes: 1 }));
    expect(error).toMatchObject({ code: 'invalid_file', message: expect.stringContaining('stopped unexpectedly') });
    await threads.close();
    await rm(workerFile);
  });

  it('never reads more than two documents at once', async () => {
    let open = 0;
    let most = 0;
    let second = (): void => undefined;
    const twoAreOpen = new Promise<void>((resolve) => (second = resolve));
    const parseOne = async (): Promise<void> => {
      const content = async function* (): AsyncGenerator<Buffer> {
        most = Math.max(most, (open += 1));
        if (open === 2) second();
        await twoAreOpen;
        for (let i = 0; i < 20; i += 1) {
          await new Promise((resolve) => setImmediate(resolve));
          yield Buffer.from('text ');
        }
        open -= 1;
      };
      await parser.parse({ filename: 'a.txt', bytes: 100, open: async () => Readable.from(content()) });
    };
    await Promise.all(Array.from({ length: 8 }, parseOne));
    expect(most).toBe(2);
  });
});

describe('around a document', () => {
  it('passes on the error of a file that cannot be opened, as it is', async () => {
    const broken = new Error('storage is away');
    const open = async (): Promise<Readable> =>
      Readable.from(
        (async function* () {
          yield Buffer.from('x');
          throw broken;
        })(),
      );
    await expect(parser.parse({ filename: 'a.txt', bytes: 1, open })).rejects.toBe(broken);
    await expect(parser.parse({ filename: 'a.txt', bytes: 1, open: async () => Promise.reject(broken) })).rejects.toBe(
      broken,
    );
  });

  it('stops when aborted', async () => {
    const controller = new AbortController();
    const reading = read('a.html', '<p>words '.repeat(1_000_000), parser, controller.signal);
    setImmediate(() => controller.abort(new Error('no longer wanted')));
    await expect(reading).rejects.toThrow(/no longer wanted|aborted/);
    await expect(read('a.txt', 'text', parser, AbortSignal.abort(new Error('never')))).rejects.toThrow('never');
  });

  it('takes a file name with a path for its extension only', async () => {
    expect(await textOf('../../etc/a.md', '# T\nx')).toBe('# T\nx');
  });

  it('leaves no temporary files, whatever became of the documents', async () => {
    await Promise.allSettled([read('a.txt', 'x'), read('a.pdf', 'x'), read('a.txt', '')]);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('does not keep the process alive with idle threads', async () => {
    const compiled = join(__dirname, '../../dist/src/adapters/documentParser.js');
    const script = `const { documentParser } = require(${JSON.stringify(compiled)});
      const open = async () => require('node:stream').Readable.from([Buffer.from('text')]);
      documentParser({ idleMs: 600_000 }).parse({ filename: 'a.txt', bytes: 4, open }).then(([s]) => console.log(s.text));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 20_000 });
    expect(stdout).toBe('text\n');
  });
});

// Files that nobody made for this project; they are not part of it, so a checkout alone goes without.
const realDocuments = join(__dirname, '../../../shared/documents');
if (existsSync(realDocuments)) {
  describe('real documents', () => {
    const notRead = ['test.jpg', 'test.m4a', 'test.mp3', 'test.wav', 'test_files.zip', 'random.bin', 'test_llm.jpg'];
    const readReal = async (path: string): Promise<DocumentSection[]> => {
      const file = join(realDocuments, path);
      return parser.parse({
        filename: path,
        bytes: statSync(file).size,
        open: async () => createReadStream(file),
      });
    };

    it.each(notRead)('refuses markitdown/%s', async (name) => {
      expect((await failure(readReal(`markitdown/${name}`))).code).toBe('unsupported_file');
    });

    it.each([
      ['markitdown/MEDRPT-2024-PAT-3847_medical_report_scan.pdf', 'no text'],
      ['pdf/libreoffice-writer-password.pdf', 'password'],
    ])('says what is wrong with %s', async (path, message) => {
      expect(await failure(readReal(path))).toMatchObject({
        code: 'invalid_file',
        message: expect.stringContaining(message),
      });
    });

    it.each([
      ['markitdown/RECEIPT-2024-TXN-98765_retail_purchase.pdf', 'TECHMART ELECTRONICS'],
      ['markitdown/REPAIR-2022-INV-001_multipage.pdf', 'Insured name Gabriel Diaz'],
      ['markitdown/SPARSE-2024-INV-1234_borderless_table.pdf', 'Sarah Martinez'],
      ['markitdown/equations.docx', 'The angle is θ=sin'],
      ['markitdown/masterformat_partial_numbering.pdf', 'Rotary Clubs of Grande Prairie'],
      ['markitdown/movie-theater-booking-2024.pdf', 'STARLIGHT CINEMAS'],
      ['markitdown/rlink.docx', 'A red and blue square'],
      ['markitdown/test.docx', 'Enabling Next-Gen LLM Applications via Multi-Agent Conversation'],
      ['markitdown/test.epub', 'Chapter 1: Test Content This is a test paragraph'],
      ['markitdown/test.json', 'key2: 1234'],
      ['markitdown/test.pdf', 'While there is contemporaneous exploration of multi-agent approaches'],
      ['markitdown/test.pptx', 'AutoGen is an open-source framework'],
      ['markitdown/test.xls', 'Alpha: 89; Beta: 82; Gamma: 100; Delta: 12'],
      ['markitdown/test.xlsx', 'ColA: 5; ColB: 6; ColC: 7; ColD: 8'],
      ['markitdown/test_outlook_msg.msg', 'Subject: Test Email Message From: M. C. Kurtuluş'],
      ['markitdown/test_blog.html', 'Large language models (LLMs) are powerful tools'],
      ['markitdown/test_mskanji.csv', '名前: 佐藤太郎; 年齢: 30; 住所: 東京'],
      ['markitdown/test_notebook.ipynb', 'print("markitdown")'],
      ['markitdown/test_rss.xml', 'title: The Official Microsoft Blog'],
      ['markitdown/test_serp.html', 'Microsoft wikipedia'],
      ['markitdown/test_wikipedia.html', 'Microsoft Corporation is an American multinational'],
      ['markitdown/test_with_comment.docx', 'This is a test comment'],
      ['pdf/GeoTopo-komprimiert.pdf', 'Dieses Skript wurde im Wintersemester 2013/2014 von Martin Thoma geschrieben'],
      ['pdf/crazyones-pdfa.pdf', 'The round pegs in the square holes'],
      ['pdf/google-doc-document.pdf', 'Beautiful is better than ugly.'],
      ['pdf/habibi.pdf', 'habibi حَبيبي'],
      ['pdf/habibi-rotated.pdf', 'habibi حَبيبي'],
      ['pdf/inline-image.pdf', 'Test'],
      ['pdf/libreoffice-form.pdf', 'Agree to privacy policy'],
      ['pdf/minimal-document.pdf', 'Lorem ipsum dolor sit amet'],
      ['pdf/multicolumn.pdf', 'This is a sample document with two columns filled'],
      ['pdf/pdflatex-4-pages.pdf', 'some text without a meaning'],
      ['pdf/pdflatex-image.pdf', '1 Your Chapter'],
      ['pdf/pdflatex-outline.pdf', '1 Foo'],
      ['pdf/with-attachment.pdf', 'Lorem ipsum dolor sit amet'],
    ])('reads %s', async (path, phrase) => {
      const text = (await readReal(path)).map((section) => section.text).join('\n');
      expect(text.replace(/\s+/g, ' ')).toContain(phrase);
    });
  });
}
