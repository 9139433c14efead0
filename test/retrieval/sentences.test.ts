import { sentencesOf, wordsOf } from '../../src/retrieval/sentences';

const textsOf = (text: string): string[] => sentencesOf(text).map((sentence) => sentence.text);

describe('sentencesOf', () => {
  it('joins broken lines and keeps abbreviations inside their sentence', () => {
    const text =
      'Dr. Weber met Mr. J. Smith at approx.\nfive in the morning. They talked, e.g. about\nships. Then they left!';
    expect(textsOf(text)).toEqual([
      'Dr. Weber met Mr. J. Smith at approx. five in the morning.',
      'They talked, e.g. about ships.',
      'Then they left!',
    ]);
  });

  it('gives a heading to the sentence that follows it', () => {
    expect(
      sentencesOf('# Opening hours\n\nWe open at nine. We close at five.\n\nContact\n\nCall us any time.'),
    ).toEqual([
      { text: 'We open at nine.', isLine: false, heading: 'Opening hours' },
      { text: 'We close at five.', isLine: false },
      { text: 'Call us any time.', isLine: false, heading: 'Contact' },
    ]);
  });

  it('drops fragments, rules and reference marks', () => {
    expect(
      textsOf('Menu\n\n----------\n\nOK.\n\nThe firm was founded in 1975.[12][13]: 20 It grew fast.[4]: 112–114 '),
    ).toEqual(['The firm was founded in 1975.', 'It grew fast.']);
  });

  it('drops what is left of reference marks that the beginning of the text cuts', () => {
    expect(textsOf('204][205] In September it rained.')).toEqual(['In September it rained.']);
    expect(textsOf('75] The firm is large.')).toEqual(['The firm is large.']);
  });

  it('takes the lines of a receipt one by one, under their title', () => {
    const receipt =
      'ACME STORE\n2 apples 3.00\nSUBTOTAL: 3.00\n=====\nTOTAL $3.30\n=====\nRETURN POLICY\nWithin 30 days';
    expect(sentencesOf(receipt)).toEqual([
      { text: '2 apples 3.00', isLine: true, heading: 'ACME STORE' },
      { text: 'SUBTOTAL: 3.00', isLine: true },
      { text: 'TOTAL $3.30', isLine: true },
      { text: 'Within 30 days', isLine: true, heading: 'RETURN POLICY' },
    ]);
  });

  it('takes labelled values one by one, whatever their keys look like', () => {
    expect(textsOf('key1: string_value\nkey2: 1234')).toEqual(['key1: string_value', 'key2: 1234']);
    expect(textsOf('cells[0].id: 0f61db80\ncells[0].source: # Test')).toEqual([
      'cells[0].id: 0f61db80',
      'cells[0].source: # Test',
    ]);
    expect(textsOf('名前: 佐藤; 年齢: 30\n名前: 三木; 年齢: 25')).toHaveLength(2);
    expect(textsOf('Critical Items: 1\n\nDetails follow in the next part.')).toEqual([
      'Critical Items: 1',
      'Details follow in the next part.',
    ]);
  });

  it('does not take a colon in prose for a label', () => {
    const text = 'There are three colours which the flag must have: red,\nwhite and blue. Nothing else: no stars.';
    expect(textsOf(text)).toEqual([
      'There are three colours which the flag must have: red, white and blue.',
      'Nothing else: no stars.',
    ]);
  });

  it('cuts what has no end', () => {
    const pieces = textsOf('value, another '.repeat(200));
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(400);
    expect(pieces.join(' ').match(/value/g)).toHaveLength(200);
  });

  it('stays fast on hostile text', () => {
    const started = performance.now();
    for (const text of [
      '\n. '.repeat(30_000),
      '.'.repeat(100_000),
      '['.repeat(100_000),
      ' \n'.repeat(50_000),
      '-\n'.repeat(50_000),
      'a:'.repeat(50_000),
      'a.'.repeat(50_000),
      `${'1'.repeat(50_000)}]`,
      '[1]: 1,'.repeat(20_000),
    ]) {
      sentencesOf(text);
    }
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('wordsOf', () => {
  it('lowers case, removes accents and punctuation, and splits scripts without spaces', () => {
    expect(wordsOf('Über "Café", it’s 3.5!')).toEqual(['uber', 'cafe', 'it’s', '3.5']);
    expect(wordsOf('東京都の天気').length).toBeGreaterThan(1);
  });
});
