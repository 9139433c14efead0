import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { askQuestion, RunFailure } from '../../../src/localHost/ask/askQuestion';
import { MadeObjects } from '../../../src/localHost/ask/madeObjects';

type Events = [event: string, data: object | string][];

const run = { id: 'run_1', object: 'thread.run', thread_id: 'thread_1', status: 'in_progress' };
const message = { id: 'msg_1', object: 'thread.message', thread_id: 'thread_1', role: 'assistant', content: [] };
const annotation = { index: 0, type: 'file_citation', text: '【0:0†a.txt】', start_index: 5, end_index: 17 };

function delta(value: string, quote?: string): Events[number] {
  const annotations = value.includes('【') ? [{ ...annotation, file_citation: { file_id: 'file-a', quote } }] : [];
  const content = [{ index: 0, type: 'text', text: { value, annotations } }];
  return ['thread.message.delta', { id: 'msg_1', object: 'thread.message.delta', delta: { content } }];
}

const started: Events = [
  ['thread.run.created', run],
  ['thread.message.created', message],
];
const completed: Events = [
  ['thread.run.completed', { ...run, status: 'completed' }],
  ['done', '[DONE]'],
];
const ended = (status: string, more: object): Events => [[`thread.run.${status}`, { ...run, status, ...more }]];

describe('asking an assistant', () => {
  let server: Server;
  let events: Events;
  let paths: string[];
  beforeEach(async () => {
    paths = [];
    server = createServer((request, response) => {
      const path = request.url ?? '';
      paths.push(path);
      if (request.method === 'POST' && path.endsWith('/runs')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const [event, data] of events) {
          response.write(`event: ${event}\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
        }
        response.end();
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify(path.includes('/steps') ? steps : { id: path.endsWith('/threads') ? 'thread_1' : 'asst_1' }),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const result = {
    file_id: 'file-a',
    file_name: 'a.txt',
    score: 0.9,
    content: [{ type: 'text', text: 'It was found here.' }],
  };
  const toolCalls = [{ id: 'call_1', type: 'file_search', file_search: { results: [result] } }];
  const steps = {
    object: 'list',
    data: [{ id: 'step_1', type: 'tool_calls', step_details: { type: 'tool_calls', tool_calls: toolCalls } }],
    has_more: false,
  };

  const ask = async (made = new MadeObjects()) => {
    const { port } = server.address() as AddressInfo;
    const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'key', maxRetries: 0 });
    const written: string[] = [];
    const question = { model: 'm', text: 'Why?', storeId: 'vs_1' };
    const citations = await askQuestion(client, question, made, (text) => void written.push(text));
    return { written, citations };
  };

  it('writes the answer piece by piece with numbers for markers, and keeps the quotes that came with them', async () => {
    events = [...started, delta('It is'), delta('【0:0†a.txt】', 'Quoted.'), delta('.'), ...completed];
    const made = new MadeObjects();
    const { written, citations } = await ask(made);
    expect(written).toEqual(['It is', ' [1]', '.']);
    expect(citations).toEqual([{ number: 1, fileId: 'file-a', quote: 'Quoted.' }]);
    expect([made.assistantId, made.threadId]).toEqual(['asst_1', 'thread_1']);
    expect(paths.some((path) => path.includes('/steps'))).toBe(false);
  });

  it('shows the passage that the search found where a citation comes without a quote', async () => {
    events = [...started, delta('It is【0:0†a.txt】'), ...completed];
    const { written, citations } = await ask();
    expect(written).toEqual(['It is [1]']);
    expect(citations).toEqual([{ number: 1, fileId: 'file-a', quote: 'It was found here.' }]);
    const asked = decodeURIComponent(paths.at(-1) ?? '');
    expect(asked).toContain('include[]=step_details.tool_calls[*].file_search.results[*].content');
  });

  it.each<[string, Events, string]>([
    ['failed', ended('failed', { last_error: { code: 'server_error', message: 'No model.' } }), 'No model.'],
    [
      'cut short',
      ended('incomplete', { incomplete_details: { reason: 'max_completion_tokens' } }),
      'The answer was cut short: max_completion_tokens.',
    ],
    ['cancelled', ended('cancelled', {}), 'The run ended as cancelled before it was answered.'],
    ['expired', ended('expired', {}), 'The run ended as expired before it was answered.'],
    ['lost', [], 'The answer broke off.'],
  ])('fails in plain words when the run is %s', async (_, end, reason) => {
    events = [...started, delta('It is'), ...end];
    await expect(ask()).rejects.toMatchObject({ name: RunFailure.name, message: reason });
  });
});
