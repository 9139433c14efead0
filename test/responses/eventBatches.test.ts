import { WaitingEvents } from '../../src/responses/eventBatches';

it('puts pieces of one text together while they wait, and nothing else', () => {
  const waiting = new WaitingEvents();
  const delta = (item_id: string, text: string, logprobs: unknown[] = []) => ({
    type: 'response.output_text.delta',
    item_id,
    content_index: 0,
    delta: text,
    logprobs,
  });
  waiting.push(delta('a', 'One ', [1]));
  waiting.push(delta('a', 'two ', [2]));
  waiting.push({ type: 'response.output_text.annotation.added', item_id: 'a' });
  waiting.push(delta('a', 'three'));
  waiting.push(delta('b', 'four'));
  expect(waiting.take()).toEqual([
    delta('a', 'One two ', [1, 2]),
    { type: 'response.output_text.annotation.added', item_id: 'a' },
    delta('a', 'three'),
    delta('b', 'four'),
  ]);
  expect(waiting.isEmpty).toBe(true);
  waiting.push(delta('a', 'five'));
  expect(waiting.take()).toEqual([delta('a', 'five')]);
});
