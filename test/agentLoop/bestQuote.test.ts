import { bestQuote } from '../../src/agentLoop/bestQuote';

const receipt = `TECHMART ELECTRONICS
4567 Innovation Blvd

Store #0342 - Downtown
Cashier: Emily Rodriguez
Register: POS-07
-----------------------
SUBTOTAL $863.91
TOTAL $821.14`;

describe('bestQuote', () => {
  it('joins the broken lines of a sentence', () => {
    const passage =
      'Large models are tools. The tuned model\nis much more accurate and less\nexpensive. It costs more.';
    expect(bestQuote(passage, 'It is more accurate and less expensive when tuned.')).toBe(
      'The tuned model is much more accurate and less expensive.',
    );
  });

  it('leaves out reference marks, also those cut at the beginning of the passage', () => {
    const passage = '204][205] In September the firm laid off 2,100 people.[206] It grew again in 2015.[207]: 12–14 ';
    expect(bestQuote(passage, 'The firm laid off people in September.')).toBe(
      'In September the firm laid off 2,100 people.',
    );
    expect(bestQuote(passage, 'In 2015 it grew.')).toBe('It grew again in 2015.');
  });

  it('keeps the brackets of keys', () => {
    const notebook = 'cells[0].cell_type: markdown\ncells[0].id: 0f61db80\ncells[1].execution_count: 11';
    expect(bestQuote(notebook, 'cells[0].id: 0f61db80')).toBe('cells[0].id: 0f61db80');
  });

  it('quotes the sentence that was repeated word for word, also behind its heading', () => {
    const passage =
      'We sell tea. Tea is sold by weight, and tea of the first grade only.\n\nReturns\n\nTea is not taken back.';
    expect(bestQuote(passage, 'Returns: Tea is not taken back.')).toBe('Tea is not taken back.');
    expect(bestQuote(passage, 'We sell tea.')).toBe('We sell tea.');
  });

  it('takes labelled lines one by one', () => {
    expect(bestQuote(receipt, 'The cashier was Emily Rodriguez.')).toBe('Cashier: Emily Rodriguez');
    expect(bestQuote(receipt, 'The total is $821.14.')).toBe('TOTAL $821.14');
    expect(bestQuote('key1: string_value\nkey2: 1234\nkey3: a, b', 'key2 holds 1234')).toBe('key2: 1234');
  });

  it('finds the number in a text without spaces', () => {
    const rows = '名前: 佐藤太郎; 年齢: 30; 住所: 東京\n名前: 三木英子; 年齢: 25; 住所: 大阪';
    expect(bestQuote(rows, '三木英子 is 25 years old.')).toBe('名前: 三木英子; 年齢: 25; 住所: 大阪');
  });

  it('is never longer than 400 characters, and quotes the beginning of what has no sentence', () => {
    expect(bestQuote('word '.repeat(1_000), 'something else').length).toBeLessThanOrEqual(400);
    expect(bestQuote('OK', 'something else')).toBe('OK');
    expect(bestQuote('', 'something else')).toBe('');
  });
});
