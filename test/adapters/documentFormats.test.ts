/** Formats whose reading is a library's: spreadsheets, compound files, books. */
import { utils, write, type BookType, type WorkBook } from '@e965/xlsx';
import { compoundFile, docFile } from '../fixtures/documents/docFile';
import { zipFile, type ZipEntry } from '../fixtures/documents/zipFile';
import { documentReader, failure } from '../support/documents';

const { read, textOf } = documentReader();

describe('spreadsheets', () => {
  const sheets = (): WorkBook => ({
    SheetNames: ['Staff', 'Secret', 'Prices'],
    Sheets: {
      Staff: utils.aoa_to_sheet([
        ['Name', 'Since'],
        ['Ada', new Date(Date.UTC(2020, 1, 3))],
        [],
        ['Grace', undefined, 'in the navy'],
      ]),
      Secret: utils.aoa_to_sheet([['hidden']]),
      Prices: utils.aoa_to_sheet([
        ['Item', 'Price'],
        ['Tea', { t: 'n', v: 1.5, z: '0.00 "€"' }],
      ]),
    },
    Workbook: { Sheets: [{}, { Hidden: 1 }, {}] },
  });
  const bytesOf = (book: WorkBook, bookType: BookType): Buffer => {
    const bytes: unknown = write(book, { bookType, type: 'buffer' });
    if (!Buffer.isBuffer(bytes)) throw new Error('No bytes.');
    return bytes;
  };
  const file = (bookType: BookType): Buffer => bytesOf(sheets(), bookType);

  it.each<[string, BookType]>([
    ['a.xlsx', 'xlsx'],
    ['a.xls', 'biff8'],
    ['a.xlsb', 'xlsb'],
    ['no-extension', 'biff8'],
  ])(
    'names each value of a row by its column and shows it as its cell does, a section a visible sheet: %s',
    async (name, type) => {
      const [staff, prices, ...more] = await read(name, file(type));
      expect(staff?.heading).toBe('Staff');
      expect(staff?.text).toMatch(/^Name; Since\nName: Ada; Since: 2020-02-03\nName: Grace; column 3: in the navy$/);
      expect(prices).toEqual({ heading: 'Prices', text: 'Item; Price\nItem: Tea; Price: 1.50 €' });
      expect(more).toEqual([]);
    },
  );

  it('keeps all digits of a whole number that its cell shows by a power of ten, as article numbers have them', async () => {
    const sheet = utils.aoa_to_sheet([['Article'], [4006381333931], [{ t: 'n', v: 0.000012, z: '0.0E+00' }]]);
    const book = bytesOf({ SheetNames: ['S'], Sheets: { S: sheet } }, 'xlsx');
    expect(await textOf('a.xlsx', book)).toBe('Article\nArticle: 4006381333931\nArticle: 1.2E-05');
  });

  it.each<[string, BookType, boolean]>([
    ['a.xlsx', 'xlsx', false],
    ['a.xlsx', 'xlsx', true],
    ['a.xls', 'biff8', false],
  ])('shows a moment of no special format in the order of the year: %s', async (name, type, date1904) => {
    const moment = { t: 'n' as const, v: date1904 ? 45418.25 - 1462 : 45418.25, z: 'm/d/yy h:mm' };
    const sheet = utils.aoa_to_sheet([['Arrival'], [moment]]);
    const book = { SheetNames: ['S'], Sheets: { S: sheet }, Workbook: { WBProps: { date1904 } } };
    expect(await textOf(name, bytesOf(book, type))).toBe('Arrival\nArrival: 2024-05-06 06:00');
  });

  it('reads OpenDocument spreadsheets', async () => {
    expect(await textOf('a.ods', file('ods'))).toContain('Item: Tea; Price: 1.5');
  });

  const workbookOf = (sheetData: string, others: ZipEntry[] = []): Buffer => {
    const rels = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
    const types = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
    return zipFile([
      {
        name: '[Content_Types].xml',
        content: `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="${types}.sheet.main+xml"/><Override PartName="/xl/s.xml" ContentType="${types}.worksheet+xml"/></Types>`,
      },
      {
        name: '_rels/.rels',
        content: `<Relationships><Relationship Id="a" Type="${rels}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
      },
      {
        name: 'xl/workbook.xml',
        content: `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="${rels}"><sheets><sheet name="S" sheetId="1" r:id="b"/></sheets></workbook>`,
      },
      {
        name: 'xl/_rels/workbook.xml.rels',
        content: `<Relationships><Relationship Id="b" Type="${rels}/worksheet" Target="s.xml"/></Relationships>`,
      },
      {
        name: 'xl/s.xml',
        content: `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>${sheetData}</sheetData></worksheet>`,
      },
      ...others,
    ]);
  };
  const farCell = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c></row>';

  it('reads a cell in the last place that there is, without the million of rows before it', async () => {
    expect(await read('a.xlsx', workbookOf(farCell))).toEqual([{ heading: 'S', text: 'far' }]);
  });

  it.each([
    ['cut in the middle', file('xlsx').subarray(0, 4000)],
    ['without its parts', zipFile([{ name: 'xl/none.xml', content: '<x/>' }])],
  ])('refuses an .xlsx %s', async (_what, content) => {
    expect(await failure(read('a.xlsx', content))).toMatchObject({
      code: 'invalid_file',
      message: expect.stringContaining('damaged'),
    });
  });

  it.each([
    ['declare more than the spreadsheet may unpack to', 250_000_000, 'more than 400 MB'],
    ['unpack to more than they declare', 10, 'damaged'],
  ])('refuses an .xlsx with pictures of one name that %s', async (_what, declaredBytes, message) => {
    const picture = { name: 'xl/media/image1.png', content: '\0'.repeat(10_000), declaredBytes };
    const last = { ...picture, declaredBytes: undefined };
    expect(await failure(read('a.xlsx', workbookOf(farCell, [picture, picture, last])))).toMatchObject({
      code: 'invalid_file',
      message: expect.stringContaining(message),
    });
  });

  it('reads a web page that a program named .xls for what it is', async () => {
    expect(await textOf('a.xls', '<html><table><tr><td>k</td><td>v</td></tr></table></html>')).toBe('k | v');
  });
});

describe('compound files', () => {
  it('reads a Word document of before 2007, its footnotes as a section of their own', async () => {
    expect(await read('a.doc', docFile('Über Otter\rOtters sleep afloat.\r', 'They hold hands.\r'))).toEqual([
      { text: 'Über Otter\nOtters sleep afloat.' },
      { text: 'They hold hands.' },
    ]);
  });

  it.each([
    ['an encrypted package', { EncryptedPackage: Buffer.alloc(5000) }, 'invalid_file', 'protected by a password'],
    ['an encrypted Word document', { WordDocument: Buffer.alloc(5000, 1) }, 'invalid_file', 'protected by a password'],
    ['a Word document of nothing', { WordDocument: Buffer.alloc(5000) }, 'invalid_file', 'not a whole Word document'],
    ['a presentation', { 'PowerPoint Document': Buffer.alloc(5000) }, 'unsupported_file', 'before 2007'],
  ])('tells %s by what it holds', async (_what, streams, code, message) => {
    const bytes = compoundFile(Object.fromEntries(Object.entries(streams)));
    expect(await failure(read('a.doc', bytes))).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('refuses one of more than 128 MB, which its reader would hold in memory', async () => {
    const bytes = Buffer.concat([compoundFile({ WordDocument: Buffer.alloc(5000) }), Buffer.alloc(130 * 1024 * 1024)]);
    expect(await failure(read('a.doc', bytes))).toMatchObject({
      code: 'invalid_file',
      message: expect.stringContaining('larger than 128 MB'),
    });
  });

  it('refuses one that is cut off', async () => {
    const bytes = compoundFile({ Workbook: Buffer.alloc(50_000) }).subarray(0, 3000);
    expect((await failure(read('a.xls', bytes))).code).toBe('invalid_file');
  });
});

describe('notebooks', () => {
  it('reads Markdown by its headings, and code with what it printed', async () => {
    const cells = [
      { cell_type: 'markdown', source: ['# Otters\n', 'They swim.'] },
      {
        cell_type: 'code',
        source: 'print(1)\n2',
        outputs: [{ text: ['1\n'] }, { data: { 'text/plain': '2', 'image/png': 'AA' } }],
      },
    ];
    expect(await read('a.ipynb', JSON.stringify({ cells, nbformat: 4 }))).toEqual([
      { heading: 'Otters', text: '# Otters\nThey swim.\n\nprint(1)\n2\n1\n\n2' },
    ]);
  });

  it('reads one of another form as JSON', async () => {
    expect(await textOf('a.ipynb', '{"worksheets": ["old"]}')).toContain('old');
  });
});

describe('books', () => {
  const book = (spine: string, head = ''): Buffer =>
    zipFile([
      { name: 'mimetype', content: 'application/epub+zip' },
      {
        name: 'META-INF/container.xml',
        content: '<container><rootfiles><rootfile full-path="O/c.opf"/></rootfiles></container>',
      },
      {
        name: 'O/c.opf',
        content: `<package><manifest><item id="a" href="a%20b.xhtml"/><item id="b" href="b.xhtml#x"/></manifest><spine>${spine}</spine></package>`,
      },
      { name: 'O/a b.xhtml', content: '<html><body><h1>First</h1><p>One.</p></body></html>' },
      { name: 'O/b.xhtml', content: `<html>${head}<body><h1>Second</h1><p>Two.</p></body></html>` },
    ]);

  it('reads the chapters in the order of the spine, by heading', async () => {
    expect(await read('a.epub', book('<itemref idref="b"/><itemref idref="a"/>'))).toEqual([
      { heading: 'Second', text: 'Second\n\nTwo.' },
      { heading: 'First', text: 'First\n\nOne.' },
    ]);
  });

  it.each(['<head><title/></head>', '<head><script src="a.js"/></head>', '<head><style/></head>'])(
    'reads a chapter whose head has an element without content: %s',
    async (head) => {
      expect(await textOf('a.epub', book('<itemref idref="b"/>', head))).toBe('Second\n\nTwo.');
    },
  );

  it('says that a book without chapters has no text', async () => {
    expect((await failure(read('a.epub', book('<itemref idref="gone"/>')))).message).toBe('The file has no text.');
  });
});
