import { unreadTable } from '../../../src/localHost/ask/unreadTable';

describe('table of files that could not be read', () => {
  it('has a row for each file, in order, with reasons that begin in one column and wrap', () => {
    const table = unreadTable(
      [
        { name: 'notes/empty.txt', reason: 'It is empty.' },
        { name: 'a.bin', reason: 'It holds nothing that anybody could read as text.' },
      ],
      50,
    );
    expect(table).toBe(
      [
        '  a.bin            It holds nothing that anybody',
        '                   could read as text.',
        '  notes/empty.txt  It is empty.',
        '',
      ].join('\n'),
    );
  });

  it('says once, at the end, what several reasons add alike', () => {
    const table = unreadTable(
      [
        { name: 'a.mp3', reason: 'It is an .mp3 file. Read are: PDF.' },
        { name: 'b.mp4', reason: 'It is an .mp4 file. Read are: PDF.' },
        { name: 'c.pdf', reason: 'It is a scan. Type it.' },
      ],
      80,
    );
    expect(table).toBe(
      '  a.mp3  It is an .mp3 file.\n  b.mp4  It is an .mp4 file.\n  c.pdf  It is a scan. Type it.\nRead are: PDF.\n',
    );
  });

  it('gives a very long name a line of its own and steers no terminal', () => {
    const table = unreadTable([{ name: `${'n'.repeat(60)}\u001b[2J`, reason: 'It is\nempty.' }], 80);
    expect(table).toBe(`  ${'n'.repeat(60)}[2J\n    It is empty.\n`);
  });
});
