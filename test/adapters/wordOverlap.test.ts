import { knows, overlaps, type AskedTerms, type PassageTerms } from '../../src/adapters/wordOverlap';

const setOf = (words: string): Set<string> => new Set(words.split(' ').filter(Boolean));

function passageOf(name: string, sentences: string[]): PassageTerms {
  return { file: { name: setOf(name), text: setOf(sentences.join(' ')) }, sentences: sentences.map(setOf) };
}

const asked = (focus: string, others = '', optional = ''): AskedTerms => ({
  terms: setOf(`${focus} ${others}`.trim()),
  focus: setOf(focus),
  isOptional: (term) => setOf(optional).has(term),
});

function share(passage: PassageTerms, question: AskedTerms, sentence: number): number {
  return overlaps([passage], question)[0]?.[sentence] ?? NaN;
}

describe('overlaps', () => {
  const receipt = passageOf('receipt txn', ['techmart shop', 'cashier emily', 'visa card', 'total 821']);

  it('is 1 for a sentence with all the words and 0 for one with none', () => {
    expect(share(receipt, asked('cashier emily'), 1)).toBeCloseTo(1);
    expect(share(receipt, asked('cashier emily'), 2)).toBe(0);
  });

  it('counts words around a sentence, the nearer the more', () => {
    const alone = share(receipt, asked('cashier', 'moon'), 1);
    expect(share(receipt, asked('cashier', 'techmart'), 1)).toBeGreaterThan(alone);
    expect(share(receipt, asked('cashier', 'shop'), 1)).toBeGreaterThan(share(receipt, asked('total', 'shop'), 3));
  });

  it('counts what is asked more than of whom', () => {
    const question = asked('cashier', 'techmart');
    expect(share(receipt, question, 1)).toBeGreaterThan(share(receipt, question, 0));
  });

  it('counts rare words more', () => {
    const passage = passageOf('', ['red car', 'red house', 'red flag', 'red moon']);
    expect(share(passage, asked('red moon'), 3)).toBeCloseTo(1);
    expect(share(passage, asked('car ship'), 0)).toBeGreaterThan(share(passage, asked('red ship'), 0));
  });

  it('leaves out optional words that the file does not hold', () => {
    expect(share(receipt, asked('cashier', 'invoice', 'invoice'), 1)).toBeCloseTo(1);
    expect(share(receipt, asked('cashier', 'invoice'), 1)).toBeLessThan(0.7);
  });
});

describe('knows', () => {
  it('takes words of the name as abbreviations, from three letters on', () => {
    const file = { name: setOf('inv no'), text: setOf('total') };
    expect(knows(file, 'invoice')).toBe(true);
    expect(knows(file, 'total')).toBe(true);
    expect(knows(file, 'notebook')).toBe(false);
  });
});
