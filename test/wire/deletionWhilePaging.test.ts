/** Programs that delete what they list, object by object, while they page through it: the services go on behind a deleted object. */
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';
import { schedulesOf } from '../support/scheduleClient';

const suite = contractSuite();
const COUNT = 5;
const model = 'gpt-4.1';
const client = () => suite.client();

/** Ids of objects made by `make`, one after the other. */
async function made(make: (number: number) => Promise<{ id: string }>): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 0; number < COUNT; number += 1) ids.push((await make(number)).id);
  return ids;
}

/** Lists by pages of two and deletes what each page shows; the ids that were shown. */
async function emptied(path: string, order: 'asc' | 'desc'): Promise<string[]> {
  const shown: string[] = [];
  for (let after = ''; ;) {
    const answer = await suite.send('GET', `/openai/v1${path}?limit=2&order=${order}${after && `&after=${after}`}`);
    const page = (await answer.json()) as { data?: { id: string }[]; has_more?: boolean };
    expect({ status: answer.status, page }).toMatchObject({ status: 200 });
    const found = (page.data ?? []).map(({ id }) => id);
    for (const id of found) {
      shown.push(id);
      expect((await suite.send('DELETE', `/openai/v1${path}/${id}`)).status).toBe(200);
    }
    const last = found.at(-1);
    if (!page.has_more || last === undefined) return shown;
    after = last;
  }
}

const file = async (number: number) =>
  client().files.create({ file: new File([`Text ${number}.`], `${number}.txt`), purpose: 'assistants' });

const lists: [string, () => Promise<{ path: string; ids: string[] }>][] = [
  [
    'assistants',
    async () => ({ path: '/assistants', ids: await made(async () => client().beta.assistants.create({ model })) }),
  ],
  ['threads', async () => ({ path: '/threads', ids: await made(async () => client().beta.threads.create()) })],
  [
    'messages',
    async () => {
      const { id } = await client().beta.threads.create();
      const { messages } = client().beta.threads;
      const ids = await made(async (number) => messages.create(id, { role: 'user', content: `Message ${number}` }));
      return { path: `/threads/${id}/messages`, ids };
    },
  ],
  ['files', async () => ({ path: '/files', ids: await made(file) })],
  [
    'vector stores',
    async () => ({ path: '/vector_stores', ids: await made(async () => client().vectorStores.create({})) }),
  ],
  [
    'files of a vector store',
    async () => {
      const { id } = await client().vectorStores.create({});
      const { files } = client().vectorStores;
      const ids = await made(async (number) => files.createAndPoll(id, { file_id: (await file(number)).id }));
      return { path: `/vector_stores/${id}/files`, ids };
    },
  ],
  [
    'items of a conversation',
    async () => {
      const { id } = await client().conversations.create();
      const ids = await made(async (number) => {
        const items = [{ role: 'user' as const, content: `Item ${number}` }];
        const { data } = await client().conversations.items.create(id, { items });
        return { id: data[0]?.id ?? '' };
      });
      return { path: `/conversations/${id}/items`, ids };
    },
  ],
  [
    'containers',
    async () => ({ path: '/containers', ids: await made(async () => client().containers.create({ name: 'c' })) }),
  ],
  [
    'files of a container',
    async () => {
      const { id } = await client().containers.create({ name: 'c' });
      const ids = await made(async (number) =>
        client().containers.files.create(id, { file: new File(['text'], `${number}.txt`) }),
      );
      return { path: `/containers/${id}/files`, ids };
    },
  ],
  [
    'schedules',
    async () => {
      const run = { assistant_id: (await client().beta.assistants.create({ model })).id };
      const schedules = schedulesOf(client());
      return { path: '/schedules', ids: await made(async () => schedules.create({ cron: '0 0 1 1 *', run })) };
    },
  ],
];

describe.each(lists)('%s', (_name, prepare) => {
  it.each(['asc', 'desc'] as const)(
    'are all shown, each once, to who deletes them page by page (%s)',
    async (order) => {
      const { path, ids } = await prepare();
      const shown = await emptied(path, order);
      expect(shown.filter((id) => ids.includes(id))).toEqual(order === 'asc' ? ids : ids.toReversed());
      expect(new Set(shown).size).toBe(shown.length);
    },
  );
});

it.each(sdks)('the pages of the SDK go on while their objects are deleted, with the class %s', async (sdk) => {
  const { vectorStores } = suite.client(sdk);
  const ids = await made(async () => vectorStores.create({}));
  const deleted: string[] = [];
  for await (const { id } of vectorStores.list({ limit: 2 })) {
    await vectorStores.delete(id);
    deleted.push(id);
  }
  // Behind them stand those of other tests.
  expect(deleted.slice(0, COUNT)).toEqual(ids.toReversed());
  expect((await vectorStores.list()).data).toEqual([]);
});

it('before goes back from a deleted object', async () => {
  const { assistants } = client().beta;
  const ids = await made(async () => assistants.create({ model }));
  await assistants.delete(ids[3] ?? '');
  const page = await assistants.list({ order: 'asc', before: ids[3], limit: 2 });
  expect(page.data.map(({ id }) => id)).toEqual(ids.slice(1, 3));
});

it('a file that was taken out of a store and is in it again is where it is now', async () => {
  const { id } = await client().vectorStores.create({});
  const { files } = client().vectorStores;
  const [first = '', second = ''] = await made(async (number) =>
    files.createAndPoll(id, { file_id: (await file(number)).id }),
  );
  const behind = async () => (await files.list(id, { order: 'asc', after: first, limit: 1 })).data.map((one) => one.id);
  await files.delete(first, { vector_store_id: id });
  expect(await behind()).toEqual([second]);
  await files.createAndPoll(id, { file_id: first });
  expect(await behind()).toEqual([]);
  await files.delete(first, { vector_store_id: id });
  expect(await behind()).toEqual([]);
});

it('an id that was never in the list is refused, and so is one that another tenant deleted', async () => {
  const { assistants } = client().beta;
  const { id } = await assistants.create({ model });
  await assistants.delete(id);
  await expectNotFound(async () => assistants.retrieve(id));
  const other = suite.client('OpenAI', 'beta').beta.assistants;
  for (const after of [id, 'asst_never'])
    await expect(other.list({ after })).rejects.toMatchObject({ status: 400, param: 'after' });
});
