/** Pages of lists: limit, order, after and before. */
import { contractSuite } from '../support/contractSuite';

const suite = contractSuite();
const COUNT = 45;
/** Oldest first; an empty list of their own would be disturbed by others, so they have a project. */
const made: string[] = [];
const client = () => suite.client().withOptions({ baseURL: `${suite.host.url}/api/projects/paging/openai/v1` });

interface Page {
  object: string;
  data: { id: string }[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}
const page = async (query: string, path = '/assistants') =>
  (await (await suite.send('GET', `/api/projects/paging${path}?${query}`)).json()) as Page;
const idsOf = ({ data }: Page) => data.map(({ id }) => id);

beforeAll(async () => {
  for (let index = 0; index < COUNT; index += 1) {
    made.push((await client().beta.assistants.create({ model: 'm', name: `${index}` })).id);
  }
}, 60_000);

it('gives twenty, newest first, unless asked otherwise', async () => {
  const first = await page('');
  expect(idsOf(first)).toEqual(made.slice(-20).reverse());
  expect(first).toMatchObject({ object: 'list', first_id: made[44], last_id: made[25], has_more: true });
});

it.each([1, 44, 45, 100])('gives at most %d where that is the limit', async (limit) => {
  const found = await page(`limit=${limit}`);
  expect(found.data).toHaveLength(Math.min(limit, COUNT));
  expect(found.has_more).toBe(limit < COUNT);
});

it('gives the oldest first with order=asc', async () => {
  expect(idsOf(await page('order=asc&limit=3'))).toEqual(made.slice(0, 3));
});

it('goes on after an object, and tells where the list ends', async () => {
  const seen: string[] = [];
  let after = '';
  for (;;) {
    const next = await page(`limit=10${after && `&after=${after}`}`);
    seen.push(...idsOf(next));
    if (!next.has_more) break;
    after = next.last_id ?? '';
  }
  expect(seen).toEqual([...made].reverse());
  expect(await page(`after=${made[0]}`)).toEqual({
    object: 'list',
    data: [],
    first_id: null,
    last_id: null,
    has_more: false,
  });
});

it('gives what lies just before an object, in the order of the list', async () => {
  const before = await page(`limit=3&before=${made[10]}`);
  expect(idsOf(before)).toEqual([made[13], made[12], made[11]]);
  expect(before.has_more).toBe(true);
  expect(idsOf(await page(`order=asc&limit=3&before=${made[10]}`))).toEqual([made[7], made[8], made[9]]);
  expect(await page(`before=${made[44]}`)).toMatchObject({ data: [], has_more: false });
  expect(idsOf(await page(`after=${made[20]}&before=${made[17]}`))).toEqual([made[19], made[18]]);
});

it('pages on from an object while others are deleted and made', async () => {
  const assistants = client().beta.assistants;
  const extra = await assistants.create({ model: 'm' });
  const first = await page('limit=2');
  expect(idsOf(first)).toEqual([extra.id, made[44]]);
  await assistants.delete(extra.id);
  const newer = await assistants.create({ model: 'm' });
  expect(idsOf(await page(`limit=2&after=${first.last_id}`))).toEqual([made[43], made[42]]);
  await assistants.delete(newer.id);
});

it("is walked through by the SDK's own paging", async () => {
  const seen: string[] = [];
  for await (const { id } of client().beta.assistants.list({ limit: 20 })) seen.push(id);
  expect(seen).toEqual([...made].reverse());
  const ascending: string[] = [];
  for await (const { id } of client().beta.assistants.list({ limit: 7, order: 'asc' })) ascending.push(id);
  expect(ascending).toEqual(made);
});

it.each([
  ['limit=0', 'limit', 'integer_below_min_value'],
  ['limit=101', 'limit', 'integer_above_max_value'],
  ['limit=-5', 'limit', 'integer_below_min_value'],
  ['limit=2.5', 'limit', 'invalid_type'],
  ['limit=many', 'limit', 'invalid_type'],
  ['order=sideways', 'order', 'invalid_value'],
  ['after=asst_nothing', 'after', 'invalid_value'],
  ['before=asst_nothing', 'before', 'invalid_value'],
  ['after=', 'after', 'string_below_min_length'],
])('refuses %s naming the parameter', async (query, param, code) => {
  const answer = await suite.send('GET', `/api/projects/paging/assistants?${query}`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param, code } });
});

it('is the same for every kind of list', async () => {
  const { beta, vectorStores, files } = client();
  const thread = await beta.threads.create({ messages: [1, 2, 3].map((n) => ({ role: 'user', content: `${n}` })) });
  for (let index = 0; index < 3; index += 1) {
    await vectorStores.create({});
    await files.create({ file: new File(['x'], 'x.txt'), purpose: 'assistants' });
  }
  for (let index = 0; index < 2; index += 1) await beta.threads.create();
  for (const path of ['/assistants', '/threads', '/vector_stores', '/files', `/threads/${thread.id}/messages`]) {
    const newest = await page('limit=3', path);
    const [one, two, three] = idsOf(newest);
    expect(newest).toMatchObject({ first_id: one, last_id: three });
    expect(await page(`limit=1&after=${one}`, path)).toMatchObject({
      data: [{ id: two }],
      first_id: two,
      last_id: two,
      has_more: true,
    });
    expect((await suite.send('GET', `/api/projects/paging${path}?after=nothing`)).status).toBe(400);
  }
});
