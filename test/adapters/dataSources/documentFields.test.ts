import { askedFields, documentsOf, guessedFields } from '../../../src/adapters/dataSources/documentFields';

describe('guessedFields', () => {
  it.each([
    [
      ['id', 'content', 'title', 'url', 'filepath', 'chunk_id', 'keywords'],
      { content: ['content'], title: 'title', url: 'url', filepath: 'filepath', chunkId: 'chunk_id' },
    ],
    [
      ['chunk_id', 'parent_id', 'chunk', 'doc_title', 'metadata_storage_path'],
      { content: ['chunk'], title: 'doc_title', filepath: 'metadata_storage_path', chunkId: 'chunk_id' },
    ],
    [['id', 'name', 'description', 'remarks'], { content: ['description', 'remarks'], title: 'name' }],
    [['title'], { content: ['title'], title: 'title' }],
  ])('tells fields apart by their names: %j', (names, expected) => {
    // Fields that are not there are undefined, which toEqual takes for absent.
    expect(guessedFields(names, names)).toEqual(expected);
  });
});

describe('documentsOf', () => {
  it('reads fields that lie deeper or hold several texts, and leaves out records without content', () => {
    const fields = { content: ['body.text', 'tags', 'gone'], title: 'meta/title', url: 'count' };
    const records = [
      { fields: { body: { text: 'one' }, tags: ['x', 'y'], meta: { title: 'T' }, count: 3 }, score: 2 },
      { fields: { 'body.text': 'dotted' }, score: 1 },
      { fields: null, score: 0.5 },
    ];
    expect(documentsOf('Source', records, fields)).toEqual([
      { content: 'one\nx\ny', title: 'T', url: '3', score: 2 },
      { content: 'dotted', score: 1 },
    ]);
    expect(askedFields(fields)).toEqual(['body.text', 'tags', 'gone', 'meta/title', 'count']);
  });
});
