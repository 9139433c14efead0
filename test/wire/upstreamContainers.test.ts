/** RESPONSES_MODE=upstream: containers are the service's, and each tenant's own here. */
import { callersAndServices, type Hosts } from '../support/modelHosts';
import { expectNotFound } from '../support/notFound';
import type { ScriptedMedia } from '../support/scriptedMedia';
import { refusedHere, scriptedResponses, startResponsesHosts } from '../support/scriptedResponses';

let media: ScriptedMedia;
let hosts: Hosts;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ media, hosts, stop } = await startResponsesHosts());
});
afterAll(async () => stop());
const service = scriptedResponses();
beforeEach(() => {
  media.reset();
  media.on(service);
});

const operations = (): string[] => media.requests.map(({ method, operation }) => `${method} ${operation}`);

it.each(callersAndServices)(
  'the %s SDK before a service of style %s makes containers there, fills them, runs code in them and deletes them',
  async (caller, style) => {
    const { containers, responses } = hosts[style][caller]();
    const { id, name } = await containers.create({ name: 'sea', memory_limit: '4g' });
    expect(name).toBe('sea');
    expect(media.requests.map(({ path, body }) => [path, body.toString()])).toEqual([
      [style === 'azure' ? '/openai/v1/containers' : '/v1/containers', '{"name":"sea","memory_limit":"4g"}'],
    ]);
    expect(await containers.retrieve(id)).toMatchObject({ id });
    const file = await containers.files.create(id, { file: new File(['calm?'], 'a.txt') });
    expect(media.requests.at(-1)?.body.toString()).toContain('\r\n\r\ncalm?\r\n');
    await containers.files.create(id, { file_id: 'file-ofTheService' });
    expect(media.requests.at(-1)?.body.toString()).toBe('{"file_id":"file-ofTheService"}');
    expect((await containers.files.list(id, { limit: 3 })).data).toHaveLength(1);
    expect(media.requests.at(-1)?.path).toContain('limit=3');
    expect(await containers.files.retrieve(file.id, { container_id: id })).toMatchObject({ id: file.id });
    const content = await containers.files.content.retrieve(file.id, { container_id: id });
    expect(await content.text()).toBe('<p>calm?');
    await containers.files.delete(file.id, { container_id: id });
    const tools = [{ type: 'code_interpreter' as const, container: id }];
    await responses.create({ model: 'gpt-4o', input: 'Run.', tools });
    await containers.delete(id);
    const of = `containers/${id}`;
    expect(operations()).toEqual([
      'POST containers',
      `GET ${of}`,
      `POST ${of}/files`,
      `POST ${of}/files`,
      `GET ${of}/files`,
      `GET ${of}/files/${file.id}`,
      `GET ${of}/files/${file.id}/content`,
      `DELETE ${of}/files/${file.id}`,
      'POST responses',
      `DELETE ${of}`,
    ]);
    await expectNotFound(async () => containers.retrieve(id));
    expect(media.requests).toHaveLength(10);
  },
);

it('what is not a tenant’s own is refused without a call of the service, what its code made is there', async () => {
  const { responses, containers } = hosts.openai.openai();
  const { id } = await containers.create({ name: 'theirs' });
  const tools = [{ type: 'code_interpreter' as const, container: { type: 'auto' as const } }];
  const { output } = await responses.create({ model: 'gpt-4o', input: 'Run.', tools });
  const made = output.find((item) => item.type === 'code_interpreter_call');
  media.requests.length = 0;
  const beta = hosts.openai.openai('beta').containers;
  await expectNotFound(
    async () => beta.retrieve(id),
    async () => beta.delete(id),
    async () => beta.files.list(id),
    async () => beta.files.create(id, { file: new File(['x'], 'x.txt') }),
    async () => beta.files.create(id, { file_id: 'file-x' }),
    async () => beta.files.retrieve('cfile_1', { container_id: id }),
    async () => beta.files.delete('cfile_1', { container_id: id }),
    async () => beta.files.content.retrieve('cfile_1', { container_id: made?.container_id ?? '' }),
  );
  expect(operations()).toEqual([]);
  expect((await containers.files.list(made?.container_id ?? '')).data).toHaveLength(1);
  expect(operations()).toEqual([`GET containers/${made?.container_id}/files`]);
});

it('refuses the list of the whole account, and files that are kept here', async () => {
  const client = hosts.openai.openai();
  expect(await refusedHere(media, client.containers.list())).toMatchObject({ status: 400, code: 'unsupported' });
  const file = await client.files.create({ file: new File(['x'], 'x.txt'), purpose: 'user_data' });
  const { id } = await client.containers.create({ name: 'sea' });
  media.requests.length = 0;
  const { containers } = client;
  for (const refused of [
    async () => containers.create({ name: 'a', file_ids: [file.id] }),
    async () => containers.files.create(id, { file_id: file.id }),
  ])
    expect(await refusedHere(media, refused())).toMatchObject({ status: 400, code: 'unsupported' });
});
