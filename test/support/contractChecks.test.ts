/** The checks that every contract test makes do find what they look for. */
import { messageObject, runObject } from '../../src/wire/threads';
import { faultsOf } from './contractFaults';
import { answerSchema, eventSchema } from './contractSchemas';
import { readEvents, streamFaults, type StreamEvent } from './contractStream';
import { shapeFaults, valueFaults } from './publishedExamples';

const message = (status: 'in_progress' | 'completed', value = '', annotations: object[] = []) => ({
  id: 'msg_1',
  object: 'thread.message',
  created_at: 1,
  thread_id: 'thread_1',
  status,
  incomplete_details: null,
  completed_at: status === 'completed' ? 2 : null,
  incomplete_at: null,
  role: 'assistant',
  content: status === 'completed' ? [{ type: 'text', text: { value, annotations } }] : [],
  assistant_id: 'asst_1',
  run_id: 'run_1',
  attachments: [],
  metadata: {},
});
const event = (name: string, data: unknown): StreamEvent => ({ event: `thread.message.${name}`, data });
const delta = (value: string, annotations: object[] = []) =>
  event('delta', {
    id: 'msg_1',
    object: 'thread.message.delta',
    delta: { content: [{ index: 0, type: 'text', text: { value, annotations } }] },
  });
const [created, started] = [event('created', message('in_progress')), event('in_progress', message('in_progress'))];
const ended = (value: string, annotations: object[] = []) =>
  event('completed', message('completed', value, annotations));
const done: StreamEvent = { event: 'done', data: '[DONE]' };
const run = {
  ...{
    id: 'run_1',
    object: 'thread.run',
    created_at: 1,
    thread_id: 'thread_1',
    assistant_id: 'asst_1',
    status: 'completed',
  },
  ...{ required_action: null, last_error: null, expires_at: null, started_at: 1, cancelled_at: null, failed_at: null },
  ...{
    completed_at: 2,
    incomplete_details: null,
    model: 'm',
    instructions: null,
    tools: [],
    tool_resources: {},
    file_ids: [],
  },
  ...{ metadata: {}, usage: null, temperature: 1, top_p: 1, max_prompt_tokens: null, max_completion_tokens: null },
  ...{ truncation_strategy: { type: 'auto', last_messages: null }, tool_choice: 'auto', parallel_tool_calls: true },
  ...{ response_format: 'auto', reasoning_effort: null },
};
/** The end of a good stream. */
const completed: StreamEvent[] = [{ event: 'thread.run.completed', data: run }, done];
const citation = {
  type: 'file_citation',
  text: '[1]',
  start_index: 2,
  end_index: 5,
  file_citation: { file_id: 'file-1' },
};

it('finds nothing wrong with a good stream', () => {
  const cited = delta('[1]', [{ ...citation, index: 0, file_citation: { file_id: 'file-1', quote: 'q' } }]);
  expect(streamFaults([created, started, delta('Hi'), cited, ended('Hi[1]', [citation]), ...completed])).toEqual([]);
});

it.each<[string, StreamEvent[]]>([
  ['no done', [created, started, delta('Hi'), ended('Hi'), ...completed.slice(0, 1)]],
  ['no end of the run', [created, started, delta('Hi'), ended('Hi'), done]],
  ['two dones', [created, started, delta('Hi'), ended('Hi'), ...completed, ...completed]],
  ['an event that nobody knows', [{ event: 'thread.moved', data: {} }, ...completed]],
  ['a name that is not its status', [event('created', message('completed', '')), ...completed]],
  ['events out of order', [created, delta('Hi'), started, ended('Hi'), ...completed]],
  ['a message without its end', [created, started, delta('Hi'), ...completed]],
  ['deltas that do not add up', [created, started, delta('H'), ended('Hi'), ...completed]],
  ['a citation that no delta told of', [created, started, delta('Hi[1]'), ended('Hi[1]', [citation]), ...completed]],
  [
    'a citation that stands elsewhere',
    [created, started, delta('H[1]i', [{ ...citation, index: 0 }]), ended('H[1]i', [citation]), ...completed],
  ],
  ['data that lacks a field', [event('created', { ...message('in_progress'), metadata: undefined }), ...completed]],
])('finds fault with a stream with %s', (_what, events) => {
  expect(streamFaults(events)).not.toEqual([]);
});

it('reads events and leaves out comments', () => {
  expect(readEvents('event: a\ndata: {"x":1}\n\n: keep-alive\n\nevent: done\ndata: [DONE]\n\n')).toEqual([
    { event: 'a', data: { x: 1 } },
    { event: 'done', data: '[DONE]' },
  ]);
});

it('finds fields that are missing, of another type, or not declared', () => {
  const good = message('completed', 'Hi');
  expect(faultsOf(messageObject, good)).toEqual([]);
  expect(faultsOf(messageObject, { ...good, run_id: undefined })).not.toEqual([]);
  expect(faultsOf(messageObject, { ...good, created_at: '1' })).not.toEqual([]);
  expect(faultsOf(messageObject, { ...good, colour: 'red' })).not.toEqual([]);
  expect(faultsOf(messageObject, { ...good, content: [{ type: 'text', text: { value: 'Hi' } }] })).not.toEqual([]);
});

it('knows operations and events by their names on every base path', () => {
  for (const base of ['/openai', '/v1', '/api/projects/p/openai/v1']) {
    expect(answerSchema('POST', `${base}/threads/runs`)).toBe(runObject);
    expect(answerSchema('PUT', `${base}/threads/runs`)).toBeUndefined();
  }
  expect(eventSchema('thread.run.incomplete')).toBe(runObject);
  expect(eventSchema('thread.run.nothing')).toBeUndefined();
});

it('finds what an answer lacks of a printed one', () => {
  const printed = { a: 1, b: { c: ['x'] }, d: null };
  expect(shapeFaults(printed, { a: 2, b: { c: ['y'] }, d: 3, e: 4 })).toEqual([]);
  expect(shapeFaults(printed, { a: '2', b: { c: [] } })).toEqual(['.a is a string', '.b.c is empty', '.d is missing']);
  const example = {
    id: '1',
    operation: 1,
    title: '',
    request: { method: 'POST', path: '/', query: {}, content_type: null, body: { name: 'x' } },
    response: { status: 200, body: { name: 'x', object: 'thing' } },
  };
  expect(valueFaults(example, { name: 'x', object: 'thing' })).toEqual([]);
  expect(valueFaults(example, { name: 'y', object: 'other' })).toEqual(['object', 'name']);
});
