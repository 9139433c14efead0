import { CitationReader, type Piece } from '../../src/agentLoop/citations';

const passages = new Map([
  ['【0:0†a.txt】', { fileId: 'file-a', filename: 'a.txt', score: 1, text: 'Otters swim.', attributes: {} }],
]);
const links = new Map([
  ['sandbox:/mnt/data/plot', 'file-plot'],
  ['sandbox:/mnt/data/plot (1).csv', 'file-csv'],
  ['sandbox:/mnt/data/plot%20(1).csv', 'file-csv'],
]);

function read(text: string, size = text.length) {
  const reader = new CitationReader({ passages, links });
  const pieces: Piece[] = [];
  for (let at = 0; at < text.length; at += size) pieces.push(...reader.push(text.slice(at, at + size)));
  pieces.push(...reader.end());
  expect(pieces.map((piece) => piece.text).join('')).toBe(reader.value);
  expect(pieces.flatMap(({ annotation }) => annotation ?? [])).toEqual(reader.annotations);
  for (const { text: said, start_index, end_index } of reader.annotations)
    expect(reader.value.slice(start_index, end_index)).toBe(said);
  return reader;
}

it.each([1, 2, 7, 1000])('links to files of the sandbox are annotated where they stand, in pieces of %i', (size) => {
  const text =
    '🦦 See [the plot](sandbox:/mnt/data/plot) and [it](sandbox:/mnt/data/plot (1).csv)【0:0†a.txt】, sandbox';
  const { value, annotations } = read(text, size);
  expect(value).toBe(text);
  expect(annotations.map((one) => [one.type, one.text])).toEqual([
    ['file_path', 'sandbox:/mnt/data/plot'],
    ['file_path', 'sandbox:/mnt/data/plot (1).csv'],
    ['file_citation', '【0:0†a.txt】'],
  ]);
  expect(annotations[1]).toMatchObject({ file_path: { file_id: 'file-csv' } });
});

it('a link in its encoded form is the same file', () => {
  expect(read('[x](sandbox:/mnt/data/plot%20(1).csv)', 3).annotations).toMatchObject([
    { text: 'sandbox:/mnt/data/plot%20(1).csv', file_path: { file_id: 'file-csv' } },
  ]);
});

it.each(['sandbox:/mnt/data/other.csv', 'sandbox:/mnt/data/plots.csv', 'a sandbox: here', 'sandbo'])(
  'a link that names no known file stays as text: %s',
  (text) => {
    const reader = read(text, 1);
    expect(reader.value).toBe(text);
    expect(reader.annotations).toEqual([]);
  },
);

it.each([1, 2, 7, 1000])('a marker is found behind a bracket that stays open, in pieces of %i', (size) => {
  const text = 'see 【the note 【0:0†a.txt】. 【【0:0†a.txt】】';
  const { value, annotations } = read(text, size);
  expect(value).toBe(text);
  expect(annotations.map((one) => one.start_index)).toEqual([text.indexOf('【0'), text.lastIndexOf('【0')]);
  expect(read('【an aside 【9:9†none.txt】】', size).value).toBe('【an aside 】');
});
