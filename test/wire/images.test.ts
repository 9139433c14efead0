/** Image generations, edits and variations with the official SDKs in both styles. */
import { toFile } from 'openai';
import { callersAndServices, startMediaHosts, type Hosts } from '../support/modelHosts';
import { bodyOf, formField, type ScriptedMedia } from '../support/scriptedMedia';

let media: ScriptedMedia;
let hosts: Hosts;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ media, hosts, stop } = await startMediaHosts());
});
afterAll(async () => stop());
beforeEach(() => media.reset());

const png = async (name: string) => toFile(Buffer.from(`\x89PNG ${name}`, 'latin1'), name, { type: 'image/png' });

describe.each(callersAndServices)('The %s SDK before a service of style %s', (caller, service) => {
  const images = () => hosts[service][caller]().images;

  it('generates', async () => {
    const made = await images().generate({ model: 'gpt-image-1', prompt: 'A hat', n: 1 });
    expect(made).toMatchObject({ created: 1_698_342_300, data: [{ revised_prompt: 'A picture.' }] });
    expect(media.requests[0]?.deployment).toBe(service === 'azure' ? 'gpt-image-1' : undefined);
  });

  it('edits one picture, and several', async () => {
    await images().edit({ model: 'gpt-image-1', image: await png('one.png'), prompt: 'A hat' });
    await images().edit({
      model: 'gpt-image-1',
      image: [await png('one.png'), await png('two.png')],
      mask: await png('mask.png'),
      prompt: 'Hats',
    });
    const [one, several] = media.requests;
    expect(one?.body.toString('latin1')).toContain('name="image"; filename="one.png"');
    expect(several?.body.toString('latin1').match(/name="image\[\]"; filename/g)).toHaveLength(2);
    expect(several && formField(several, 'prompt')).toBe('Hats');
  });

  it('takes OpenAI’s models where neither path nor body names one, as programs of 2023 call it', async () => {
    // The other SDK always has a deployment in the path.
    if (caller === 'azure') return;
    await images().generate({ prompt: 'A hat', n: 1, size: '1024x1024' });
    await images().edit({ image: await png('one.png'), prompt: 'A hat' });
    await images().createVariation({ image: await png('one.png') });
    const named = media.requests.map((request) => {
      if (service === 'azure') return request.deployment;
      return request.operation === 'images/generations' ? bodyOf(request).model : formField(request, 'model');
    });
    expect(named).toEqual(['dall-e-2', 'gpt-image-1.5', 'dall-e-2']);
  });

  it('makes variations', async () => {
    const made = await images().createVariation({ model: 'dall-e-2', image: await png('one.png') });
    expect(made.data).toHaveLength(1);
  });

  it('gets pictures as events', async () => {
    const picture = 'A'.repeat(1_500_000);
    const event = (type: string) => `event: ${type}\ndata: ${JSON.stringify({ type, b64_json: picture })}\n\n`;
    const types = (made: string) => [`${made}.partial_image`, `${made}.completed`];
    media.on(({ operation }) => ({
      headers: { 'content-type': 'text/event-stream' },
      body: types(operation === 'images/edits' ? 'image_edit' : 'image_generation').map(event),
    }));
    const received = async (stream: AsyncIterable<{ type: string; b64_json: string }>) => {
      const parts: string[] = [];
      for await (const part of stream) parts.push(`${part.type} ${part.b64_json.length}`);
      return parts;
    };
    const asked = { model: 'gpt-image-1', prompt: 'A hat', stream: true } as const;
    const lengths = (made: string) => types(made).map((type) => `${type} 1500000`);
    expect(await received(await images().generate(asked))).toEqual(lengths('image_generation'));
    const image = await png('one.png');
    expect(await received(await images().edit({ ...asked, image }))).toEqual(lengths('image_edit'));
  });
});

it("the filter's refusal passes with its results", async () => {
  const inner_error = {
    code: 'ResponsibleAIPolicyViolation',
    content_filter_results: { violence: { filtered: true, severity: 'high' } },
  };
  const error = { code: 'content_policy_violation', message: 'Blocked.', inner_error };
  media.on(() => ({ status: 400, body: JSON.stringify({ error }) }));
  await expect(hosts.azure.azure().images.generate({ model: 'dall-e-3', prompt: 'x' })).rejects.toMatchObject({
    status: 400,
    error,
  });
  expect(media.requests).toHaveLength(1);
});

it.each([
  ['no prompt', {}, 'prompt'],
  ['an empty prompt', { prompt: '' }, 'prompt'],
  ['too long a prompt', { prompt: 'x'.repeat(32_001) }, 'prompt'],
  ['eleven pictures', { prompt: 'x', n: 11 }, 'n'],
  ['an empty model where the path has none', { prompt: 'x', model: '' }, 'model'],
])('%s is refused with 400 before any upstream call', async (_what, body, param) => {
  const answer = await fetch(`${hosts.openai.url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'api-key': hosts.openai.key(), 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-image-1', ...body }),
  });
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param } }]);
  expect(media.requests).toEqual([]);
});

describe('an edit as JSON', () => {
  const edit = async (body: object) =>
    fetch(`${hosts.openai.url}/v1/images/edits`, {
      method: 'POST',
      headers: { 'api-key': hosts.openai.key(), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const url = 'https://example.com/cat.png';

  it('goes on as it came where its pictures have addresses, to OpenAI’s model where it names none', async () => {
    const body = { images: [{ image_url: url }], prompt: 'A hat', n: 1 };
    expect((await edit(body)).status).toBe(200);
    const [sent] = media.requests;
    expect(sent && bodyOf(sent)).toEqual({ ...body, model: 'gpt-image-1.5' });
  });

  it('takes uploaded pictures, which the service gets whole since it has no files of this server', async () => {
    const { files } = hosts.openai.openai();
    const file = await png('cat.png');
    const bytes = Buffer.from(await file.arrayBuffer());
    // The kind is told by the first bytes.
    const signed = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), bytes]);
    const { id } = await files.create({ file: await toFile(signed, 'cat.png'), purpose: 'vision' });
    const body = { model: 'gpt-image-1', prompt: 'A hat', images: [{ image_url: url }, { file_id: id }] };
    expect((await edit({ ...body, mask: { file_id: id } })).status).toBe(200);
    const [sent] = media.requests;
    const whole = { image_url: `data:image/png;base64,${signed.toString('base64')}` };
    expect(sent && bodyOf(sent)).toEqual({ ...body, images: [{ image_url: url }, whole], mask: whole });
  });

  it.each([
    ['no pictures', { images: [] }, 400, 'images'],
    ['a picture by address and file', { images: [{ image_url: url, file_id: 'file-1' }] }, 400, 'images[0]'],
    ['a picture by neither', { images: [{}] }, 400, 'images[0]'],
    ['seventeen pictures', { images: Array.from({ length: 17 }, () => ({ image_url: url })) }, 400, 'images'],
    ['a file that is not there', { images: [{ file_id: 'file-none' }] }, 404, 'images[0].file_id'],
    ['a mask that is not there', { images: [{ image_url: url }], mask: { file_id: 'file-none' } }, 404, 'mask.file_id'],
  ])('with %s is refused before any upstream call', async (_what, fields, status, param) => {
    const answer = await edit({ prompt: 'A hat', ...fields });
    expect([answer.status, await answer.json()]).toMatchObject([status, { error: { param } }]);
    expect(media.requests).toEqual([]);
  });

  it('with a file that is no picture is refused', async () => {
    const { files } = hosts.openai.openai();
    const { id } = await files.create({ file: await toFile(Buffer.from('words'), 'words.txt'), purpose: 'vision' });
    const answer = await edit({ prompt: 'A hat', images: [{ file_id: id }] });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param: 'images[0].file_id' } }]);
  });
});

it.each([
  ['a prompt', { image: 'x' }, 'prompt'],
  ['a picture', { prompt: 'x' }, 'image'],
])('an edit without %s is refused with 400 before any upstream call', async (_what, fields, param) => {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, name === 'image' ? new Blob([value]) : value);
  const answer = await fetch(
    `${hosts.azure.url}/openai/deployments/gpt-image-1/images/edits?api-version=2025-04-01-preview`,
    {
      method: 'POST',
      headers: { 'api-key': hosts.azure.key() },
      body,
    },
  );
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param } }]);
  expect(media.requests).toEqual([]);
});
