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

describe('PDF', () => {
  it('makes a section of every page with text, with paragraphs, and joins hyphenated words', async () => {
    const file = pdfFile([['The first para-', 'graph ends.', '', '', 'The second.'], [], ['Page three']]);
    expect(await read('a.pdf', file)).toEqual([
      { page: 1, text: 'The first paragraph ends.\n\nThe second.' },
      { page: 3, text: 'Page three' },
    ]);
  });

  it('reads what was filled into the fields of a form and typed over a page, but no passwords and notes', async () => {
    const field = (entries: string): string => `<< /Type /Annot /Subtype /Widget /Rect [150 690 300 710] ${entries} >>`;
    const annotations = [
      field('/FT /Tx /T (f1) /TU (Your name) /V (Ada Lovelace)'),
      field('/FT /Ch /T (f2) /V (Rome)'),
      field('/FT /Tx /T (f3) /TU (Not filled in)'),
      field('/FT /Tx /T (f4) /V (secret) /Ff 8192'),
      field('/FT /Btn /T (f5) /V /Yes /AS /Yes'),
      '<< /Type /Annot /Subtype /FreeText /Contents (Typed over it) /Rect [50 600 300 620] /DA (/Helv 12 Tf) >>',
      '<< /Type /Annot /Subtype /Text /Contents (A note) /Rect [50 500 70 520] >>',
    ];
    expect(await read('a.pdf', pdfFile([['Form 12']], { annotations }))).toEqual([
      { page: 1, text: 'Form 12\nTyped over it\nYour name: Ada Lovelace\nRome' },
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

  it('reads words of a .docx whole that have their readings above them', async () => {
    const ruby = (text: string, reading: string): string =>
      `<w:r><w:ruby><w:rt><w:r><w:t>${reading}</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>${text}</w:t></w:r></w:rubyBase></w:ruby></w:r>`;
    const body = `<w:p>${ruby('東', 'とう')}${ruby('京', 'きょう')}<w:r><w:t>タワー</w:t></w:r></w:p>`;
    expect(await textOf('a.docx', docxFile(body))).toBe('東京タワー');
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

  it('reads a title of several lines as one heading, and what stands on a slide in two forms once', async () => {
    const formula = '<p:sp><p:txBody><a:p><a:r><a:t>a + b</a:t></a:r></a:p></p:txBody></p:sp>';
    const xml = `<mc:AlternateContent><mc:Choice>${formula}</mc:Choice><mc:Fallback>${formula}</mc:Fallback></mc:AlternateContent>`;
    const title = 'Goals</a:t></a:r><a:br/><a:r><a:t>of spring</a:t></a:r></a:p><a:p><a:r><a:t>and summer';
    expect(await read('a.pptx', pptxFile([{ title, line: 'Ship it', xml }]))).toEqual([
      { page: 1, heading: 'Goals of spring and summer', text: 'Goals\nof spring\nand summer\n\nShip it\n\na + b' },
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

  it('ends a document that unpacks into buffers without end, which the limit of JavaScript memory does not count', async () => {
    const small = documentParser({ memoryLimitMb: 64, threads: 1 });
    const bomb = pdfFile([['text']], { blanks: 300_000_000 });
    expect(bomb.length).toBeLessThan(1_000_000);
    const [first, second] = await Promise.allSettled([read('a.pdf', bomb, small), read('a.txt', 'text', small)]);
    expect(first).toMatchObject({
      reason: { code: 'invalid_file', message: expect.stringContaining('more than 64 MB of memory') },
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
