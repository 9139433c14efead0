import { MarkerReader, withoutMarkers } from '../../src/dataSources/docMarkers';

const read = (pieces: string[], count: number): string => {
  const reader = new MarkerReader(count);
  return pieces.map((piece) => reader.push(piece)).join('') + reader.end();
};

const text =
  'Walk it twice a day [doc1][doc2]. See [document] and a[0] [doc9], so [doc1, doc3; doc7] (doc) [Doc2]. [doc';
const expected = 'Walk it twice a day [doc1][doc2]. See [document] and a[0], so [doc1][doc3] (doc) [doc2]. [doc';

describe('MarkerReader', () => {
  it('lets markers of the documents through and removes those that the model invents, with the blank before them', () => {
    expect(read([text], 3)).toBe(expected);
  });

  it('reads the same however the text is cut into two or into single characters', () => {
    for (let place = 0; place <= text.length; place += 1)
      expect(read([text.slice(0, place), text.slice(place)], 3)).toBe(expected);
    expect(read([...text], 3)).toBe(expected);
  });

  it('holds back no more than what may be a marker', () => {
    const reader = new MarkerReader(1);
    expect(reader.push('A dog [do')).toBe('A dog');
    expect(reader.push('g] barks [doc1')).toBe(' [dog] barks');
    expect(reader.push('] loudly')).toBe(' [doc1] loudly');
    expect(reader.end()).toBe('');
  });

  it('lets text that only begins like a marker through once it is too long for one', () => {
    const reader = new MarkerReader(1);
    expect(reader.push(`[doc${'1'.repeat(200)}`)).toHaveLength(204);
  });

  it('removes every marker where the model was given no documents', () => {
    expect(read(['As I know [doc1]. Well [doc2][doc3].'], 0)).toBe('As I know. Well.');
  });
});

describe('withoutMarkers', () => {
  it('takes the markers of an earlier answer out', () => {
    expect(withoutMarkers('Cats sleep [doc1]. Dogs [doc2][doc4] bark.')).toBe('Cats sleep. Dogs bark.');
  });
});
