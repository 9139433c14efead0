/** What callers see of items and events, by their `include` and their version. */
import { datedCodeEvent } from '../../src/responses/datedEvents';
import { itemEvent } from '../../src/responses/responseEvents';
import { shownEvent, shownItem, shownOutput, type View } from '../../src/responses/shownResponse';
import type { CodeInterpreterCall, OutputItem, ResponseItem } from '../../src/wire/responseItems';

const view: View = { include: [], fileUrl: (container, file) => `https://host/${container}/${file}`, isDated: false };
const dated = { ...view, isDated: true };
const call: CodeInterpreterCall = {
  id: 'ci_a',
  type: 'code_interpreter_call',
  status: 'completed',
  container_id: 'cntr_a',
  code: '1',
  outputs: [
    { type: 'logs', logs: 'one' },
    { type: 'image', url: 'file-a' },
  ],
};
const message: OutputItem = {
  id: 'msg_a',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [
    {
      type: 'output_text',
      text: 'a',
      logprobs: [],
      annotations: [
        { type: 'container_file_citation', container_id: 'cntr_a', file_id: 'file-a', start_index: 3, end_index: 9 },
        { type: 'file_citation', file_id: 'file-b', index: 1 },
      ],
    },
  ],
};
const path = { type: 'file_path', file_id: 'file-a', index: 3 };

it('outputs of code are shown where they are included, images by their URL', () => {
  expect(shownOutput(call, view)).toMatchObject({ outputs: null });
  expect(shownOutput(call, { ...view, include: ['code_interpreter_call.outputs'] })).toMatchObject({
    outputs: [
      { type: 'logs', logs: 'one' },
      { type: 'image', url: 'https://host/cntr_a/file-a' },
    ],
  });
});

it('files of containers are paths of files in dated versions, wherever they are told of', () => {
  const cited = { content: [{ annotations: [path, { type: 'file_citation' }] }] };
  const item: ResponseItem = message;
  expect(shownOutput(message, dated)).toMatchObject(cited);
  expect(shownItem(item, dated)).toMatchObject(cited);
  expect(shownItem(item, view)).toEqual(item);
  const event = { ...itemEvent('content_part.done', message, 0), part: message.content[0] };
  expect(shownEvent(event, dated, 'resp_a').part).toMatchObject({ annotations: [path, { type: 'file_citation' }] });
  expect(shownEvent(event, view, 'resp_a')).toEqual(event);
});

it('events about code tell nothing of their inside in current versions', () => {
  const event = itemEvent('code_interpreter_call.completed', call, 2);
  expect(shownEvent({ ...event, execution: { call, files: [] } }, view, 'resp_a')).toEqual(event);
});

it.each([
  ['/mnt/data/a.PNG', 'image/png'],
  ['/mnt/data/a.b/c.csv', 'text/csv'],
  ['/mnt/data/none', 'application/octet-stream'],
])('dated events name the type of %s', (file, mime_type) => {
  const execution = { call, files: [{ fileId: 'file-a', path: file }] };
  const event = datedCodeEvent({ ...itemEvent('code_interpreter_call.completed', call, 2), execution }, 'resp_a');
  expect(event).toMatchObject({
    response_id: 'resp_a',
    code_interpreter_call: { results: [{ type: 'logs' }, { files: [{ file_id: 'file-a', mime_type }] }] },
  });
});
