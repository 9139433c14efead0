import { CitationNumbers, type TextPiece } from '../../../src/localHost/ask/citations';

const cited = (marker: string, file_id: string, quote?: string): TextPiece => ({
  value: marker,
  annotations: [{ type: 'file_citation', text: marker, file_citation: { file_id, quote } }],
});

describe('citations of an answer', () => {
  it('numbers passages in the order in which they come, and the same passage the same', () => {
    const numbers = new CitationNumbers();
    const pieces = [
      { value: 'It rains' },
      cited('【1:0†a.txt】', 'file-a', 'Rain.'),
      { value: '. It snows' },
      cited('【1:1†b.txt】', 'file-b', 'Snow.'),
      cited('【2:0†a.txt】', 'file-a', 'Rain.'),
      cited('【2:0†a.txt】', 'file-a', 'More rain.'),
    ];
    expect(pieces.map((piece) => numbers.read(piece)).join('')).toBe('It rains [1]. It snows [2] [1] [3]');
    expect(numbers.citations).toEqual([
      { number: 1, fileId: 'file-a', quote: 'Rain.' },
      { number: 2, fileId: 'file-b', quote: 'Snow.' },
      { number: 3, fileId: 'file-a', quote: 'More rain.' },
    ]);
  });

  it('keeps a citation whose marker came in another piece', () => {
    const piece = { value: 'so.', annotations: cited('【1:0†a】', 'file-a').annotations };
    expect(new CitationNumbers().read(piece)).toBe('so. [1]');
  });

  it('takes a marker as text, whatever characters it has', () => {
    expect(new CitationNumbers().read(cited('【1:0†$&.txt】', 'file-a'))).toBe(' [1]');
  });

  it('leaves out what would steer the terminal', () => {
    expect(new CitationNumbers().read({ value: 'a\u001b[2Jb\u009bc\r\n\td' })).toBe('a[2Jbc\n\td');
  });
});
