/** code_interpreter in responses: Python in the sandbox, and its files. The suite itself checks every answer and event. */
import type OpenAI from 'openai';
import { contractSuite } from '../support/contractSuite';
import { reply, toolOutputs } from '../support/scriptedUpstream';

const suite = contractSuite();
const model = 'gpt-4.1';
const tools: OpenAI.Responses.Tool[] = [{ type: 'code_interpreter', container: { type: 'auto' } }];
const run = (code: string) => reply.toolCalls([{ name: 'code_interpreter', arguments: { code } }]);
const lastMessages = () => suite.upstream.requests.filter(({ kind }) => kind === 'chat').at(-1)?.body.messages ?? [];
const DRAW = `open('/mnt/data/dot.png', 'wb').write(bytes.fromhex('89504e470d0a1a0a'))
open('/mnt/data/places.csv', 'w').write('place')
x = 20
print('drawn')`;
const LINK = '[places](sandbox:/mnt/data/places.csv)';

const callOf = ({ output }: OpenAI.Responses.Response) => {
  const call = output.find((item) => item.type === 'code_interpreter_call');
  if (!call) throw new Error('There is no call.');
  return call;
};

it('runs code, cites the files that it wrote, gives their content, and goes on in the same container', async () => {
  const client = suite.client();
  const { responses, containers } = client;
  const input = await client.files.create({ file: new File(['afloat'], 'in.txt'), purpose: 'assistants' });
  suite.upstream.enqueue(run(`${DRAW}\nprint(open('/mnt/data/in.txt').read())`), reply.text(`Here: ${LINK}.`));
  const first = await responses.create({
    model,
    input: 'Draw.',
    tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: [input.id] } }],
    include: ['code_interpreter_call.outputs'],
  });
  const call = callOf(first);
  expect(call).toMatchObject({
    status: 'completed',
    outputs: [{ type: 'logs', logs: 'drawn\nafloat\n' }, { type: 'image' }],
  });
  const { container_id } = call;
  const [cited] = first.output.flatMap((item) => (item.type === 'message' ? item.content : []));
  const annotations = cited?.type === 'output_text' ? cited.annotations : [];
  const start = first.output_text.indexOf('sandbox:');
  expect(annotations).toEqual([
    {
      type: 'container_file_citation',
      container_id,
      file_id: expect.stringMatching(/^file-/),
      filename: 'places.csv',
      start_index: start,
      end_index: start + 'sandbox:/mnt/data/places.csv'.length,
    },
  ]);
  const [citation] = annotations;
  const fileId = citation?.type === 'container_file_citation' ? citation.file_id : '';
  const file = await containers.files.retrieve(fileId, { container_id });
  expect(file).toMatchObject({ object: 'container.file', path: '/mnt/data/places.csv', bytes: 5, source: 'assistant' });
  expect(await (await containers.files.content.retrieve(fileId, { container_id })).text()).toBe('place');
  const listed = (await containers.files.list(container_id, { order: 'asc' })).data;
  expect(listed.map(({ path, source }) => [path, source]).sort()).toEqual([
    ['/mnt/data/dot.png', 'assistant'],
    ['/mnt/data/in.txt', 'user'],
    ['/mnt/data/places.csv', 'assistant'],
  ]);
  // The image's URL leads to its content.
  const image = call.outputs?.find((output) => output.type === 'image');
  const shown = await fetch(image?.type === 'image' ? image.url : '', { headers: { 'api-key': suite.host.key() } });
  expect(Buffer.from(await shown.arrayBuffer()).toString('hex')).toBe('89504e470d0a1a0a');
  for (const wrong of [
    containers.files.retrieve(fileId, { container_id: 'cntr_other' }),
    containers.files.content.retrieve(input.id, { container_id }),
    suite.client('OpenAI', 'beta').containers.files.retrieve(fileId, { container_id }),
  ])
    await expect(wrong).rejects.toMatchObject({ status: 404 });

  // Variables are still there, the model reads of the files, and may link them again.
  suite.upstream.enqueue(run('print(x + 1)'), reply.text(`Again: ${LINK}.`));
  const second = await responses.create({ model, input: 'Go on.', tools, previous_response_id: first.id });
  expect(callOf(second)).toMatchObject({ container_id, outputs: null });
  expect(toolOutputs(lastMessages())).toEqual([expect.stringContaining('/mnt/data/places.csv'), '21\n']);
  expect(second.output.at(-1)).toMatchObject({ content: [{ annotations: [{ file_id: fileId, container_id }] }] });
  // By its id, without a chain.
  suite.upstream.enqueue(run('print(x + 2)'), reply.text(`Once more: ${LINK}.`));
  const third = await responses.create({
    model,
    input: 'And now?',
    tools: [{ type: 'code_interpreter', container: container_id }],
    tool_choice: { type: 'code_interpreter' },
  });
  expect(callOf(third).container_id).toBe(container_id);
  expect(toolOutputs(lastMessages())).toEqual(['22\n']);
  expect(third.output.at(-1)).toMatchObject({ content: [{ annotations: [{ file_id: fileId, container_id }] }] });
  await containers.files.list(container_id).then(async ({ data: [newest] }) => client.files.delete(newest?.id ?? ''));
  expect((await containers.files.list(container_id)).data).toHaveLength(2);
}, 120_000);

it('streams code by the names of its version, with what it wrote', async () => {
  const answers = () => suite.upstream.enqueue(run(DRAW), reply.text(`Here: ${LINK}.`));
  const eventsOf = async (sdk: 'OpenAI' | 'AzureOpenAI') => {
    answers();
    const events: { type: string; [field: string]: unknown }[] = [];
    const stream = await suite.client(sdk).responses.create({ model, input: 'Draw.', tools, stream: true });
    for await (const event of stream) events.push({ ...event });
    return events;
  };
  const current = await eventsOf('OpenAI');
  const names = new Set(current.map(({ type }) => type.replace('response.', '')));
  expect([...names].filter((name) => name.startsWith('code'))).toEqual([
    ...['code_interpreter_call.in_progress', 'code_interpreter_call_code.delta', 'code_interpreter_call_code.done'],
    ...['code_interpreter_call.interpreting', 'code_interpreter_call.completed'],
  ]);
  expect(current.some((event) => 'execution' in event)).toBe(false);

  const dated = await eventsOf('AzureOpenAI');
  const named = (type: string) => dated.find((event) => event.type === `response.code_interpreter_call.${type}`);
  const created = dated.find(({ type }) => type === 'response.created');
  const { id: response_id } = created?.response as { id: string };
  expect(named('code.done')).toMatchObject({ response_id, code: DRAW });
  expect(named('interpreting')).toMatchObject({
    response_id,
    code_interpreter_call: { status: 'interpreting', code: DRAW, results: [] },
  });
  expect(named('completed')).toMatchObject({
    code_interpreter_call: {
      status: 'completed',
      results: [
        { type: 'logs', logs: 'drawn\n' },
        { type: 'files', files: [{ mime_type: 'image/png' }, { mime_type: 'text/csv' }] },
      ],
    },
  });
  // There are no containers in that version.
  const annotated = dated.find(({ type }) => type === 'response.output_text.annotation.added');
  expect(annotated?.annotation).toMatchObject({ type: 'file_path', index: 'Here: [places]('.length });
  const end = dated.at(-1)?.response as OpenAI.Responses.Response;
  expect(end.output.at(-1)).toMatchObject({ content: [{ annotations: [annotated?.annotation] }] });
}, 120_000);

it('takes a call of a history without the outputs that it was not told, as the .NET SDK sends it', async () => {
  suite.upstream.enqueue(run('print(6 * 7)'), reply.text('42.'), reply.text('As I said.'));
  const { responses } = suite.client();
  const question = { role: 'user' as const, content: 'Compute.' };
  const first = await responses.create({ model, input: [question], tools });
  // That SDK leaves out what was null.
  const { outputs, ...call } = callOf(first);
  expect(outputs).toBeNull();
  const input = [question, call, { role: 'user', content: 'And?' }];
  const again = await suite.send('POST', '/v1/responses', { body: { model, input, tools } });
  expect(again.status).toBe(200);
});

it('refuses files of a container that are not there', async () => {
  const container = { type: 'auto' as const, file_ids: ['file-none'] };
  await expect(
    suite.client().responses.create({ model, input: 'Run.', tools: [{ type: 'code_interpreter', container }] }),
  ).rejects.toMatchObject({ status: 404, param: 'tools[0]' });
});
