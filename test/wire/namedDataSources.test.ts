/** Data sources that the server knows by name, and the built-in model over them. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { startHost, type Host, type Tenant } from '../support/host';
import { contextOf, over, petStore, pets } from '../support/petStore';

let host: Host;
let storeId: string;
beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'host-'));
  const first = await startHost({ dataDir });
  storeId = await petStore(first.openai());
  await first.kill();
  const parameters = { vector_store_ids: ['env:PET_STORE'], strictness: 1, top_n_documents: 1 };
  const sources = {
    pets: { type: 'vector_store', parameters },
    private: { type: 'vector_store', parameters, tenants: ['beta'] },
  };
  host = await startHost({ dataDir, env: { DATA_SOURCES: JSON.stringify(sources), PET_STORE: storeId } });
}, 60_000);
afterAll(async () => host.stop());

const question = [{ role: 'user' as const, content: 'How often should one walk a dog?' }];
const ask = async (data_sources: object[], fields: object = {}, tenant: Tenant = 'alpha') =>
  host.azure(tenant).chat.completions.create({
    model: 'local-extractive',
    messages: question,
    data_sources,
    ...fields,
  } as OpenAI.ChatCompletionCreateParamsNonStreaming);

it('the built-in model answers from a named source with a sentence and its marker; the intent is what the user said', async () => {
  const { choices } = await ask([{ name: 'pets' }]);
  expect(choices[0]?.message.content).toBe(`${pets['dog.txt']} [doc1]`);
  expect(contextOf(choices[0]?.message)).toMatchObject({
    intent: question[0]?.content,
    citations: [{ content: pets['dog.txt'], filepath: 'dog.txt', chunk_id: '0' }],
  });
});

it('the built-in model streams it', async () => {
  const stream = host.azure().chat.completions.stream({
    model: 'local-extractive',
    messages: question,
    ...over(storeId),
  });
  expect(await stream.finalContent()).toBe(`${pets['dog.txt']} [doc1]`);
});

it('a request may set what concerns neither address nor credentials', async () => {
  const { choices } = await ask([{ name: 'pets', type: 'vector_store', parameters: { top_n_documents: 3 } }]);
  expect(contextOf(choices[0]?.message)?.citations?.length).toBeGreaterThan(1);
});

it.each([
  [[{ name: 'pets', parameters: { vector_store_ids: ['vs_x'] } }], 'data_sources[0].parameters.vector_store_ids'],
  [[{ name: 'pets', parameters: { filter: 'x' } }], 'data_sources[0].parameters.filter'],
  [[{ name: 'pets', type: 'pinecone' }], 'data_sources[0].type'],
  [[{ name: 'private' }], 'data_sources[0].name'],
  [[{ name: 'nowhere' }], 'data_sources[0].name'],
  [[{ name: 'pets', parameters: { strictness: 9 } }], 'data_sources[0].parameters.strictness'],
])('refuses %j, naming %s', async (sources, param) => {
  await expect(ask(sources)).rejects.toMatchObject({ status: 400, param });
});

it('a named source is for its tenants only, and vector stores stay those of the caller', async () => {
  await expect(ask([{ name: 'private' }], {}, 'beta')).rejects.toMatchObject({ code: 'data_source_not_found' });
});
