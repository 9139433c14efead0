/** The checks of response streams find what they are there to find. */
import type { StreamEvent } from './contractStream';
import { answerFaultsOf, eventFaultsOf } from './publishedResponses';
import { responseStreamFaults } from './responseStream';

const item = { id: 'fc_a', type: 'function_call', call_id: 'call_a', name: 'f', status: 'completed', arguments: '{}' };
const place = { item_id: 'fc_a', output_index: 0 };
const whole = [
  { type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '' } },
  { type: 'response.function_call_arguments.delta', ...place, delta: '{}' },
  { type: 'response.function_call_arguments.done', ...place, name: 'f', arguments: '{}' },
  { type: 'response.output_item.done', output_index: 0, item },
  { type: 'error', code: null, message: 'So.', param: null },
];
/** The faults beside those of the published schemas, which may not be there. */
const faultsOf = (events: { type: string; [field: string]: unknown }[]): string[] => {
  const numbered = events.map((data, sequence_number): StreamEvent => ({
    event: data.type,
    data: { sequence_number, ...data },
  }));
  return responseStreamFaults('openai', numbered).filter((fault) => !fault.startsWith('published'));
};

it('nothing is wrong with a whole stream', () => {
  expect(faultsOf(whole)).toEqual([]);
});

it.each([
  ['a gap in the numbers', whole.map((event, index) => (index === 2 ? { ...event, sequence_number: 7 } : event))],
  ['no end', whole.slice(0, -1)],
  ['two ends', [...whole, ...whole.slice(-1)]],
  ['deltas that do not add up', whole.filter((_, index) => index !== 1)],
  ['an item that was not added', whole.slice(1)],
  [
    'an end without the item',
    [...whole.slice(0, -1), { type: 'response.completed', response: { id: 'resp_a', output: [] } }],
  ],
])('finds %s', (_what, events) => {
  expect(faultsOf(events)).not.toEqual([]);
});

const isPublished = answerFaultsOf('openai', 'response', {}).length > 0;
(isPublished ? it : it.skip)('finds what is not as published, on either side', () => {
  const type = 'response.function_call_arguments.delta';
  const delta: { type: string; delta: unknown } = { ...whole[1], ...{ sequence_number: 1 }, type, delta: '{}' };
  for (const side of ['openai', 'azure'] as const) {
    expect(eventFaultsOf(side, delta)).toEqual([]);
    const wrong: typeof delta = { ...delta, delta: 1 };
    expect(eventFaultsOf(side, wrong)).not.toEqual([]);
    expect(eventFaultsOf(side, { type: 'response.unknown' })).not.toEqual([]);
    expect(answerFaultsOf(side, 'itemList', { object: 'list' })).not.toEqual([]);
  }
});
