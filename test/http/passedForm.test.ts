import { readForm, type FormRules } from '../../src/http/passedForm';
import { printedSeed, seededRandom } from '../conformance/seededRandom';

const RULES: FormRules = { required: [], model: 'elsewhere', maxBytes: 10_000_000 };
const TYPE = 'multipart/form-data; boundary="b-1"';
const part = (name: string, content: string, more = '') =>
  `--b-1\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${content}\r\n`;
const FILE = part('file', 'sound\r\n--b-\r\n--b-1x\r\n', '; filename="a.wav"\r\nContent-Type: audio/wav');
const MODEL = part('model', 'mine');
const END = '--b-1--\r\n';

function requestOf(text: string | Buffer, size = 1_000_000, type = TYPE): Request {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, (at += size)));
    },
  });
  return new Request('http://localhost/', { method: 'POST', headers: { 'content-type': type }, body, duplex: 'half' });
}

async function sent(text: string, target: { model: string; modelInBody: boolean }, size?: number): Promise<string> {
  const form = await readForm(requestOf(text, size), RULES);
  return Buffer.concat(await form.body.open(target).toArray()).toString();
}

const inBody = (model: string) => ({ model, modelInBody: true });
const inserted = (model: string) => `--b-1\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n`;

it.each([
  ['is before the file', MODEL + FILE + END, inserted('theirs') + FILE + END],
  ['is behind the file', FILE + MODEL + END, inserted('theirs') + FILE + END],
  ['is missing', FILE + END, inserted('theirs') + FILE + END],
  ['is there twice', MODEL + FILE + MODEL + END, inserted('theirs') + FILE + END],
  ['is the only part', MODEL + END, `${inserted('theirs')}${END}`],
])("the target's model takes the place of one that %s, however the form is cut", async (_what, given, expected) => {
  for (const size of [1, 2, 3, 5, 17, 64, 10_000]) expect(await sent(given, inBody('theirs'), size)).toBe(expected);
});

it('what is kept of a large form while its model is looked for stays small', async () => {
  const rules: FormRules = { ...RULES, model: 'required', maxBytes: 100_000_000 };
  const fields = Array.from({ length: 40 }, (_, place) => part(`f${place}`, 'x'.repeat(200_000))).join('');
  await expect(readForm(requestOf(fields + MODEL + END), rules)).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining('2097152 bytes together'),
  });
  const parts = Array.from({ length: 1001 }, (_, place) => part(`f${place}`, 'x', '; filename="a"')).join('');
  await expect(readForm(requestOf(parts + MODEL + END), rules)).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining('more than 1000 parts'),
  });
});

it("the form stays byte for byte where its model is the target's, or is not read there", async () => {
  const text = `preamble\r\n${MODEL}${FILE}${END}epilogue`;
  expect(await sent(text, inBody('mine'), 7)).toBe(text);
  expect(await sent(text, { model: 'theirs', modelInBody: false }, 7)).toBe(text);
});

describe("a model that is there twice, of which the last is the target's", () => {
  const other = part('model', 'other');

  it('is there once, since services differ in which of them counts', async () => {
    for (const text of [other + FILE + MODEL + END, MODEL + FILE + MODEL + END])
      expect(await sent(text, inBody('mine'), 7)).toBe(inserted('mine') + FILE + END);
    const text = other + MODEL + FILE + END;
    const request = requestOf(text);
    request.headers.set('content-length', String(text.length));
    expect((await readForm(request, RULES)).body.length(inBody('mine'))).toBeUndefined();
  });

  it('is refused where the second comes when the form is on its way', async () => {
    const large = part('file', 'x'.repeat(2_000_000), '; filename="a"');
    await expect(sent(MODEL + large + other + END, inBody('mine'), 65_536)).rejects.toMatchObject({
      status: 400,
      details: { param: 'model' },
    });
    const text = MODEL + large + other + END;
    expect(await sent(text, { model: 'mine', modelInBody: false }, 65_536)).toBe(text);
    expect(await sent(MODEL + large + END, inBody('mine'), 65_536)).toBe(MODEL + large + END);
  });
});

it('the model goes in behind the very bytes of a boundary that is not ASCII', async () => {
  const type = 'multipart/form-data; boundary="b-\u00fc"';
  const text = Buffer.from((FILE + END).replaceAll('b-1', 'b-\u00fc'), 'latin1');
  const form = await readForm(requestOf(text, 7, type), RULES);
  const body = Buffer.concat(await form.body.open(inBody('mod\u00e8le')).toArray());
  const expected = [inserted(''), FILE + END].map((part) => part.replaceAll('b-1', 'b-\u00fc'));
  expect(body.toString('latin1')).toBe(
    expected.join('').replace('"model"\r\n\r\n', `$&${Buffer.from('mod\u00e8le').toString('latin1')}`),
  );
});

it('any content comes through, however it is cut', async () => {
  const random = seededRandom(printedSeed('passedForm'));
  const pieces = ['\r\n', '--b-1', '--', '\r', '\n', 'x', '\r\n--b-', 'ü'];
  for (let round = 0; round < 300; round++) {
    const content = Array.from({ length: 12 }, () => pieces[Math.floor(random() * pieces.length)])
      .join('')
      .replaceAll(/\r\n--b-1(?=--|[\r\n \t]|$)/g, '.');
    const text = part('file', `${content}.`, '; filename="a"') + MODEL + END;
    const size = 1 + Math.floor(random() * 9);
    const result = await sent(text, inBody('theirs'), size);
    if (result !== inserted('theirs') + part('file', `${content}.`, '; filename="a"') + END)
      throw new Error(`Round ${round}, cut by ${size}: ${JSON.stringify(content)}`);
  }
});

it("its length is known where the caller told it and the model is the target's, or is not read there", async () => {
  const text = MODEL + FILE + END;
  const request = requestOf(text);
  request.headers.set('content-length', String(text.length));
  const { length } = (await readForm(request, RULES)).body;
  expect([length(inBody('mine')), length({ model: 'theirs', modelInBody: false })]).toEqual([text.length, text.length]);
  expect(length(inBody('theirs'))).toBeUndefined();
  expect((await readForm(requestOf(text), RULES)).body.length(inBody('mine'))).toBeUndefined();
});

it('its text fields are read, files are not', async () => {
  const { fields } = await readForm(requestOf(MODEL + part('prompt', 'Grüße\r\n') + FILE + END, 5), RULES);
  expect([...fields]).toEqual([
    ['model', 'mine'],
    ['prompt', 'Grüße\r\n'],
  ]);
});

it('a small form can be sent again, a large one only once', async () => {
  const small = await readForm(requestOf(FILE + END), RULES);
  expect(small.body.reopenable).toBe(true);
  for (let times = 0; times < 2; times++)
    expect(Buffer.concat(await small.body.open(inBody('m')).toArray()).toString()).toContain('sound');
  const large = await readForm(requestOf(part('file', 'x'.repeat(2_000_000), '; filename="a"') + END, 65_536), RULES);
  expect(large.body.reopenable).toBe(false);
});

it.each<[string, string, Partial<FormRules>, string]>([
  ['ends early', FILE, {}, 'invalid_form'],
  ['is no form', 'hello', {}, 'invalid_form'],
  ['has a part without a name', '--b-1\r\nContent-Type: text/plain\r\n\r\nx\r\n--b-1--', {}, 'invalid_form'],
  ['has headers without end', `--b-1\r\nX: ${'y'.repeat(20_000)}`, {}, 'invalid_form'],
  ['lacks a required field', MODEL + END, { required: [['image', 'image[]']] }, 'missing_required_parameter'],
  ['lacks its model', FILE + END, { model: 'required' }, 'missing_required_parameter'],
  ['has a text field without end', part('prompt', 'x'.repeat(300_000)) + END, {}, 'invalid_value'],
  ['is too large', FILE + END, { maxBytes: 20 }, 'request_too_large'],
])('a form that %s is refused', async (_what, text, rules, code) => {
  await expect(readForm(requestOf(text, 4_096), { ...RULES, ...rules })).rejects.toMatchObject({ details: { code } });
});
