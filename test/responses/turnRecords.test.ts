import { packed, readTurn } from '../../src/responses/turnRecords';
import type { StoredResponse } from '../../src/responses/responseRecords';
import { newResponse } from '../../src/responses/newResponse';
import { createResponseRequest } from '../../src/wire/responses';

const scope = { tenant: 't', project: '-' };
const key = { chain: 'c'.repeat(24), turn: 't'.repeat(24) };

const stored = (body: object): StoredResponse => {
  const settings = {
    body: createResponseRequest.parse({ model: 'gpt', input: 'Hi.', ...body }),
    model: 'gpt',
    tools: [],
  };
  return { response: newResponse(settings, key, 1_700_000_000, null), input: [], previous: null, files: {} };
};
const readBack = async (value: unknown) =>
  (
    await readTurn(
      { get: () => Promise.resolve({ id: '', order: '', etag: '', value: structuredClone(value) as never }) },
      scope,
      key,
    )
  )?.value;

it.each([
  ['usual', {}],
  [
    'unusual',
    {
      temperature: 0.3,
      metadata: { a: 'b' },
      text: { verbosity: 'low' },
      background: true,
      tool_choice: 'none',
      user: 'u',
    },
  ],
])('a response with %s settings is read as it was stored', async (_what, body) => {
  const response = stored(body);
  expect(await readBack(packed(response))).toEqual(response);
});

it('usual settings take no room in the record', () => {
  const { response } = stored({});
  const room = JSON.stringify(packed(stored({}))).length;
  expect(room).toBeLessThan(JSON.stringify(response).length / 2);
});

it('a response that was stored whole is read too', async () => {
  const whole = stored({ temperature: 0.5 });
  expect(await readBack(whole)).toEqual(whole);
});
