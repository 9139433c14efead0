import { sentencesOf, wordsOf } from '../../src/adapters/sentences';

describe('sentencesOf', () => {
  it('joins broken lines and keeps abbreviations inside their sentence', () => {
    const text =
      'Dr. Weber met Mr. J. Smith at approx.\nfive in the morning. They talked, e.g. about\nships. Then they left!';
    expect(sentencesOf(text)).toEqual([
      'Dr. Weber met Mr. J. Smith at approx. five in the morning.',
      'They talked, e.g. about ships.',
      'Then they left!',
    ]);
  });

  it('puts a heading before the sentence that follows it', () => {
    expect(
      sentencesOf('# Opening hours\n\nWe open at nine. We close at five.\n\nContact\n\nCall us any time.'),
    ).toEqual(['Opening hours: We open at nine.', 'We close at five.', 'Contact: Call us any time.']);
  });

  it('drops fragments, rules and reference marks', () => {
    expect(
      sentencesOf('Menu\n\n----------\n\nOK.\n\nThe firm was founded in 1975.[12][13]: 20 It grew fast.[4]'),
    ).toEqual(['The firm was founded in 1975.', 'It grew fast.']);
  });

  it('takes the lines of a receipt one by one', () => {
    expect(sentencesOf('ACME STORE\n2 apples 3.00\nSUBTOTAL: 3.00\nTAX: 0.30\nTOTAL: 3.30\nTHANK YOU')).toContain(
      'TOTAL: 3.30',
    );
  });

  it('cuts what has no end', () => {
    const pieces = sentencesOf('value, another '.repeat(200));
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
