/** Files and images in the input of responses. The suite itself checks every answer. */
import type OpenAI from 'openai';
import { contractSuite } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

type Part = OpenAI.Responses.ResponseInputContent;

const suite = contractSuite();
const model = 'gpt-4.1';
const PIXEL = Buffer.from('89504e470d0a1a0a', 'hex');
const PIXEL_URL = `data:image/png;base64,${PIXEL.toString('base64')}`;
const lastMessages = () => suite.upstream.requests.filter(({ kind }) => kind === 'chat').at(-1)?.body.messages ?? [];
const asked = (part: object, fields: object = {}) =>
  suite.client().responses.create({
    model,
    input: [{ role: 'user', content: [{ type: 'input_text', text: 'What is it?' }, part as Part] }],
    ...fields,
  });
const upload = async (content: string | Buffer, name: string) =>
  suite.client().files.create({ file: new File([new Uint8Array(Buffer.from(content))], name), purpose: 'user_data' });
const base64 = (text: string) => Buffer.from(text).toString('base64');
const html = '<html><body><h1>Otters</h1><p>They sleep afloat.</p></body></html>';

it.each([
  ['as a data URL', { filename: 'a.html', file_data: `data:text/html;base64,${base64(html)}` }, 'a.html'],
  ['as a data URL without a name', { file_data: `data:text/html;base64,${base64(html)}` }, 'file.html'],
  ['as base64', { filename: 'a.html', file_data: base64(html) }, 'a.html'],
])('reads a file that comes along %s', async (_how, fields, name) => {
  await asked({ type: 'input_file', ...fields });
  const [{ content } = { content: '' }] = lastMessages();
  expect(content).toContain(`[File ${name}]`);
  expect(content).toContain('They sleep afloat.');
  expect(content).not.toContain('<p>');
});

it('reads an uploaded file, in every turn, and goes on without it when it is deleted', async () => {
  const { id } = await upload('They sleep afloat.', 'otters.txt');
  const first = await asked({ type: 'input_file', file_id: id });
  const told = 'What is it?\n[File otters.txt]\nThey sleep afloat.\n[End of otters.txt]';
  expect(lastMessages()).toEqual([{ role: 'user', content: told }]);
  const second = await suite.client().responses.create({ model, input: 'And?', previous_response_id: first.id });
  expect(lastMessages()[0]).toEqual({ role: 'user', content: told });
  await suite.client().files.delete(id);
  await suite.client().responses.create({ model, input: 'So?', previous_response_id: second.id });
  expect(lastMessages()[0]?.content).toContain('[This file cannot be read any more.]');
});

it('hands images on by URL, as data, and from uploaded files, with their detail', async () => {
  const { id } = await upload(PIXEL, 'dot.png');
  const picture = 'https://example.com/otter.png';
  const parts: [object, object][] = [
    [
      { image_url: picture, detail: 'low' },
      { url: picture, detail: 'low' },
    ],
    [{ image_url: PIXEL_URL }, { url: PIXEL_URL, detail: 'auto' }],
    [
      { file_id: id, detail: 'high' },
      { url: PIXEL_URL, detail: 'high' },
    ],
  ];
  for (const [given, image_url] of parts) {
    await asked({ type: 'input_image', ...given });
    expect(lastMessages()).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url },
        ],
      },
    ]);
  }
});

it('lists image data only where it is included', async () => {
  const { id } = await asked({ type: 'input_image', image_url: PIXEL_URL });
  const list = suite.client().responses.inputItems;
  const image = (url: string | null) => [{ content: [{}, { type: 'input_image', image_url: url, detail: 'auto' }] }];
  expect((await list.list(id)).data).toMatchObject(image(null));
  const include = ['message.input_image.image_url' as const];
  expect((await list.list(id, { include })).data).toMatchObject(image(PIXEL_URL));
});

const place = 'input[0].content[1]';
it.each<[object, number, string]>([
  [{ type: 'input_file', file_id: 'file-none' }, 404, `${place}.file_id`],
  [{ type: 'input_file', file_data: 'no base64!' }, 400, `${place}.file_data`],
  [{ type: 'input_file', filename: 'a.exe', file_data: base64('MZ\0\0') }, 400, place],
  [{ type: 'input_file', filename: 'a.pdf', file_data: base64('no pdf') }, 400, place],
  [{ type: 'input_file', file_url: 'http://127.0.0.1:1/a.txt' }, 400, place],
  [{ type: 'input_file', file_url: 'http://localhost/a.txt' }, 400, place],
  [{ type: 'input_file', file_url: 'ftp://example.com/a.txt' }, 400, `${place}.file_url`],
  [{ type: 'input_file' }, 400, place],
  [{ type: 'input_image', file_id: 'file-none' }, 404, `${place}.file_id`],
  [{ type: 'input_image', image_url: 'file:///etc/passwd' }, 400, `${place}.image_url`],
  [{ type: 'input_image', image_url: 'data:text/plain;base64,QQ==' }, 400, `${place}.image_url`],
  [{ type: 'input_audio', input_audio: { data: '', format: 'mp3' } }, 400, `${place}.type`],
])('refuses %j, also where a stream is asked for', async (part, status, param) => {
  for (const stream of [false, true]) await expect(asked(part, { stream })).rejects.toMatchObject({ status, param });
  expect(suite.upstream.calls.chat).toBe(0);
});

it('refuses an uploaded file as an image that is none', async () => {
  const { id } = await upload('text', 'a.txt');
  await expect(asked({ type: 'input_image', file_id: id })).rejects.toMatchObject({ status: 400 });
});

it("refuses another tenant's file", async () => {
  const { id } = await upload('secret', 'a.txt');
  const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: [{ type: 'input_file', file_id: id }] }];
  suite.upstream.enqueue(reply.text('never'));
  await expect(suite.client('OpenAI', 'beta').responses.create({ model, input })).rejects.toMatchObject({
    status: 404,
  });
});
