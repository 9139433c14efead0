/** Containers by the official SDK: made, filled, run in, and gone. The suite itself checks every answer. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply, toolOutputs } from '../support/scriptedUpstream';

jest.setTimeout(120_000);

const suite = contractSuite();
const model = 'gpt-4.1';
const run = (code: string) => reply.toolCalls([{ name: 'code_interpreter', arguments: { code } }]);
const lastMessages = () => suite.upstream.requests.filter(({ kind }) => kind === 'chat').at(-1)?.body.messages ?? [];
const upload = async (name: string, content: string) =>
  suite.client().files.create({ file: new File([content], name), purpose: 'user_data' });

/** Runs the code in the container; what it printed. */
async function printed(container: OpenAI.Responses.Tool.CodeInterpreter['container'], code: string) {
  suite.upstream.enqueue(run(code), reply.text('Done.'));
  const tools: OpenAI.Responses.Tool[] = [{ type: 'code_interpreter', container }];
  const response = await suite.client().responses.create({ model, input: 'Run.', tools });
  const call = response.output.find((item) => item.type === 'code_interpreter_call');
  return { response, container: call?.container_id ?? '', output: toolOutputs(lastMessages()).at(-1) };
}

const LIST = "import os\nprint(sorted(os.listdir('/mnt/data')))";

describe.each(sdks)('by the class %s', (sdk) => {
  it('makes containers, shows them by name and page, and deletes them', async () => {
    const { containers } = suite.client(sdk);
    const made = await containers.create({ name: 'first' });
    expect(made).toEqual({
      id: expect.stringMatching(/^cntr_\w+$/),
      object: 'container',
      name: 'first',
      status: 'running',
      created_at: expect.any(Number),
      last_active_at: made.created_at,
      expires_after: { anchor: 'last_active_at', minutes: 20 },
    });
    const second = await containers.create({
      name: 'second',
      expires_after: { anchor: 'last_active_at', minutes: 5 },
      network_policy: { type: 'disabled' },
    });
    expect(second).toMatchObject({ expires_after: { minutes: 5 }, network_policy: { type: 'disabled' } });
    expect(await containers.retrieve(made.id)).toMatchObject({ id: made.id, name: 'first' });
    const ids: string[] = [];
    for await (const { id } of containers.list({ limit: 1, order: 'asc' })) ids.push(id);
    expect(ids).toEqual([made.id, second.id]);
    expect((await containers.list({ name: 'second' })).data.map(({ id }) => id)).toEqual([second.id]);
    for (const { id } of [made, second]) {
      const answer = await containers.delete(id).asResponse();
      expect(await answer.json()).toEqual({ id, object: 'container.deleted', deleted: true });
      await expect(containers.retrieve(id)).rejects.toMatchObject({ status: 404 });
      await expect(containers.delete(id)).rejects.toMatchObject({ status: 404 });
    }
    expect((await containers.list()).data).toEqual([]);
  });
});

it('has files that callers put there by form and by id, with content of their own', async () => {
  const { containers, files } = suite.client();
  const first = await upload('a.txt', 'one');
  const { id } = await containers.create({ name: 'files', file_ids: [first.id] });
  const sent = await containers.files.create(id, { file: new File(['three'], 'a.txt') });
  const second = await upload('b.txt', 'two');
  const copied = await containers.files.create(id, { file_id: second.id });
  const form = new FormData();
  form.set('file_id', second.id);
  const named = await suite.send('POST', `/v1/containers/${id}/files`, { body: form });
  expect(await named.json()).toMatchObject({ path: '/mnt/data/b-2.txt' });
  expect(sent).toEqual({
    id: expect.stringMatching(/^cfile_\w+$/),
    object: 'container.file',
    container_id: id,
    created_at: expect.any(Number),
    bytes: 5,
    path: '/mnt/data/a-2.txt',
    source: 'user',
  });
  expect(await containers.files.retrieve(sent.id, { container_id: id })).toEqual(sent);
  const paths: string[] = [];
  for await (const { path } of containers.files.list(id, { order: 'asc', limit: 2 })) paths.push(path);
  expect(paths).toEqual(['/mnt/data/a.txt', '/mnt/data/a-2.txt', '/mnt/data/b.txt', '/mnt/data/b-2.txt']);
  // They are copies, and none of the files of the scope.
  await files.delete(second.id);
  const content = await containers.files.content.retrieve(copied.id, { container_id: id });
  expect(await content.text()).toBe('two');
  expect(content.headers.get('content-length')).toBe('3');
  await expect(files.retrieve(copied.id)).rejects.toMatchObject({ status: 404 });

  const removed = await containers.files.delete(copied.id, { container_id: id }).asResponse();
  expect(await removed.json()).toEqual({ id: copied.id, object: 'container.file.deleted', deleted: true });
  for (const gone of [
    async () => containers.files.retrieve(copied.id, { container_id: id }),
    async () => containers.files.content.retrieve(copied.id, { container_id: id }),
    async () => containers.files.delete(copied.id, { container_id: id }),
    async () => containers.files.create(id, { file_id: second.id }),
    async () => containers.create({ name: 'none', file_ids: [first.id, second.id] }),
  ])
    await expect(gone()).rejects.toMatchObject({ status: 404 });
  await containers.delete(id);
  for (const gone of [
    async () => containers.files.list(id),
    async () => containers.files.create(id, { file: new File(['x'], 'x') }),
    async () => containers.files.content.retrieve(sent.id, { container_id: id }),
  ])
    await expect(gone()).rejects.toMatchObject({ status: 404 });
  expect((await containers.list()).data).toEqual([]);
});

it('code finds the files that were added, finds deleted ones no more, and leaves its own', async () => {
  const { containers } = suite.client();
  const { id } = await containers.create({ name: 'work' });
  const first = await containers.files.create(id, { file: new File(['1'], 'in.txt') });
  expect((await printed(id, `${LIST}\nx = int(open('/mnt/data/in.txt').read())`)).output).toBe("['in.txt']\n");
  await containers.files.create(id, { file: new File(['2'], 'more.txt') });
  const wrote = await printed(id, `${LIST}\nopen('/mnt/data/out.txt', 'w').write('made')\nprint(x)`);
  expect(wrote).toMatchObject({ container: id, output: expect.stringContaining("['in.txt', 'more.txt']\n1\n") });
  const listed = (await containers.files.list(id, { order: 'asc' })).data;
  expect(listed.map(({ path, source }) => [path, source])).toEqual([
    ['/mnt/data/in.txt', 'user'],
    ['/mnt/data/more.txt', 'user'],
    ['/mnt/data/out.txt', 'assistant'],
  ]);
  const out = listed[2]?.id ?? '';
  expect(await (await containers.files.content.retrieve(out, { container_id: id })).text()).toBe('made');
  await containers.files.delete(first.id, { container_id: id });
  await containers.files.delete(out, { container_id: id });
  expect((await printed(id, LIST)).output).toBe("['more.txt']\n");
  // One of the same name is another file.
  await containers.files.create(id, { file: new File(['3'], 'in.txt') });
  expect((await printed(id, "print(open('/mnt/data/in.txt').read())")).output).toBe('3\n');
});

it('a response makes a container of its own where it has none, with the files it names, which goes on while it is there', async () => {
  const { containers, responses } = suite.client();
  const input = await upload('in.txt', 'afloat');
  const auto = { type: 'auto' as const, file_ids: [input.id] };
  const code = "print(open('/mnt/data/in.txt').read())\nopen('/mnt/data/out.txt', 'w').write('made')";
  const { response, container, output } = await printed(auto, code);
  expect(output).toContain('afloat\n');
  expect(await containers.retrieve(container)).toMatchObject({ name: 'auto', status: 'running' });
  expect((await containers.list()).data.map(({ id }) => id)).toContain(container);
  const added = await containers.files.create(container, { file: new File(['late'], 'late.txt') });
  suite.upstream.enqueue(run(LIST), reply.text('Done.'));
  const tools: OpenAI.Responses.Tool[] = [{ type: 'code_interpreter', container: auto }];
  await responses.create({ model, input: 'Go on.', tools, previous_response_id: response.id });
  expect(toolOutputs(lastMessages()).at(-1)).toBe("['in.txt', 'late.txt', 'out.txt']\n");
  const paths = (await containers.files.list(container, { order: 'asc' })).data.map(({ path }) => path);
  expect(paths).toEqual(['/mnt/data/in.txt', '/mnt/data/out.txt', added.path]);
  // Without it the conversation goes on in another one.
  await containers.delete(container);
  suite.upstream.enqueue(run(LIST), reply.text('Done.'));
  const next = await responses.create({ model, input: 'Again.', tools, previous_response_id: response.id });
  const call = next.output.find((item) => item.type === 'code_interpreter_call');
  expect(call?.container_id).not.toBe(container);
  expect(toolOutputs(lastMessages()).at(-1)).toBe("['in.txt']\n");
  await expect(containers.retrieve(container)).rejects.toMatchObject({ status: 404 });
});

it('refuses what it cannot do, by its name', async () => {
  const { containers, responses } = suite.client();
  const { id } = await containers.create({ name: 'plain' });
  const network_policy = { type: 'allowlist' as const, allowed_domains: ['example.com'] };
  const skills = [{ type: 'skill_reference' as const, skill_id: 'skill_1' }];
  for (const [body, param] of [
    [{ name: 'a', memory_limit: '1g' as const }, 'memory_limit'],
    [{ name: 'a', network_policy }, 'network_policy'],
    [{ name: 'a', skills }, 'skills'],
  ] as const)
    await expect(containers.create({ ...body })).rejects.toMatchObject({ status: 400, code: 'unsupported', param });
  for (const body of [{}, { name: 'a', expires_after: { anchor: 'last_active_at', minutes: 21 } }, { name: '' }])
    expect((await suite.send('POST', '/v1/containers', { body })).status).toBe(400);
  for (const body of [{}, { file_id: '' }, { file: 'x' }])
    expect((await suite.send('POST', `/v1/containers/${id}/files`, { body })).status).toBe(400);
  const both = new FormData();
  both.set('file', new File(['x'], 'x.txt'));
  both.set('file_id', 'file-1');
  const answer = await suite.send('POST', `/v1/containers/${id}/files`, { body: both });
  expect(await answer.json()).toMatchObject({ error: { code: 'unknown_parameter', param: 'file_id' } });
  expect((await containers.files.list(id)).data).toEqual([]);
  const tools: OpenAI.Responses.Tool[] = [{ type: 'code_interpreter', container: 'cntr_unknown' }];
  await expect(responses.create({ model, input: 'Run.', tools })).rejects.toMatchObject({
    status: 404,
    param: 'tools[0].container',
  });
});

it('no tenant finds the containers of another', async () => {
  const { id } = await suite.client().containers.create({ name: 'secret' });
  const file = await suite.client().containers.files.create(id, { file: new File(['x'], 'x.txt') });
  const { containers, responses } = suite.client('OpenAI', 'beta');
  expect((await containers.list()).data).toEqual([]);
  for (const refused of [
    async () => containers.retrieve(id),
    async () => containers.delete(id),
    async () => containers.files.list(id),
    async () => containers.files.create(id, { file: new File(['y'], 'y.txt') }),
    async () => containers.files.content.retrieve(file.id, { container_id: id }),
    async () => responses.create({ model, input: 'Run.', tools: [{ type: 'code_interpreter', container: id }] }),
  ])
    await expect(refused()).rejects.toMatchObject({ status: 404 });
});
