import { readQuestion } from '../../src/adapters/questionWords';

describe('readQuestion', () => {
  it('keeps the words that tell what a question is about', () => {
    expect([...readQuestion('When was the total of the receipt paid?').terms]).toEqual(['total', 'receipt', 'paid']);
    expect([...readQuestion('What is the claim # of Diaz?').terms]).toEqual(['claim', 'number', 'diaz']);
    expect([...readQuestion('How old is 三木英子?').terms]).toContain('三木');
  });

  it('leaves out the common words of the language that the question is in', () => {
    const german = readQuestion('Wer hat das Skript zur Topologie geschrieben?');
    expect([...german.terms]).toEqual(['skript', 'topologi', 'geschrieben']);
    expect(german.isEnglish).toBe(false);
    expect([...readQuestion('Quel est le prix du billet pour Lyon ?').terms]).toEqual(
      expect.arrayContaining(['prix', 'billet', 'lyon']),
    );
    // A German article, and what a question in English may well be about.
    expect([...readQuestion('How does a die cast coins?').terms]).toContain('die');
  });

  it('puts what is asked before of whom or where', () => {
    expect([...readQuestion('Who is the cashier on the TechMart receipt?').focus]).toEqual(['cashier']);
    expect([...readQuestion('In which year did it rain?').focus]).toEqual(['year', 'rain']);
  });

  it('knows names in English questions', () => {
    expect([...readQuestion('How old is Bill Gates?').names]).toEqual(['bill', 'gat']);
    expect([...readQuestion('Wer schrieb das Skript?').names]).toEqual([]);
  });

  it.each([
    ['How many days?', 'number'],
    ['When was it built?', 'number'],
    ['How much does the ticket cost?', 'money'],
    ['Was kostet und wie viel wiegt es?', 'money'],
    ['Who approves it?', 'name'],
    ['Is flat better than nested?', 'yes or no'],
    ['Why is it red?', undefined],
  ])('tells what the answer to "%s" must hold', (question, asked) => {
    expect(readQuestion(question).asked).toBe(asked);
  });

  it('knows questions for a definition, and for the document as a whole', () => {
    expect(readQuestion('What is the MATH benchmark?').subject).toBe('math benchmark');
    expect(readQuestion('Why is it so?').subject).toBeUndefined();
    expect(readQuestion('Can you summarize this document?')).toMatchObject({ isOverview: true, terms: new Set() });
  });

  it('stays fast on hostile text', () => {
    const started = performance.now();
    for (const text of [`What is a${' '.repeat(100_000)}?b`, 'What is '.repeat(50_000), ' of'.repeat(100_000)])
      readQuestion(text);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
