/** Every operation of every family, asked with the ids of another tenant's objects: a family that is new is asked too. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { families } from '../../src/functions/families';
import type { Operation } from '../../src/http/operation';
import { OTTERS } from '../support/assistantFixtures';
import { startHost, type Host, type Tenant } from '../support/host';

const MODEL = 'local-extractive';
const identified = z.looseObject({ id: z.string() });
const listed = z.object({ data: z.array(identified).min(1) });

let host: Host;
beforeAll(async () => {
  host = await startHost({ env: { STORAGE: 'embedded', SYNC_CONTAINERS: 'alpha:documents' } });
}, 60_000);
afterAll(async () => host.stop());

async function send(tenant: Tenant, method: string, path: string, body?: object) {
  const isForm = body instanceof FormData;
  const answer = await fetch(host.url + path, {
    method: method.toUpperCase(),
    headers: { 'api-key': host.key(tenant), ...(body && !isForm ? { 'content-type': 'application/json' } : {}) },
    body: isForm ? body : body && JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
}

const own = async (method: string, path: string, body?: object): Promise<unknown> => {
  const { status, text } = await send('alpha', method, `/v1${path}`, body);
  if (status !== 200) throw new Error(`${method} ${path}: ${text}`);
  return JSON.parse(text);
};
const made = async (path: string, body: object): Promise<string> => identified.parse(await own('post', path, body)).id;
const first = async (path: string): Promise<string> => listed.parse(await own('get', path)).data[0]?.id ?? '';

/** One object of each kind of the tenant alpha, by the parameters that name them. */
async function everything(): Promise<Record<string, string>> {
  await mkdir(join(host.dataDir, 'blobs', 'documents'), { recursive: true });
  await writeFile(join(host.dataDir, 'blobs', 'documents', 'otters.txt'), OTTERS);
  const form = new FormData();
  form.append('purpose', 'assistants');
  form.append('file', new File([OTTERS], 'secret.txt'));
  const file_id = await made('/files', form);
  const vector_store_id = await made('/vector_stores', { file_ids: [file_id] });
  const assistant_id = await made('/assistants', { model: MODEL });
  const thread_id = await made('/threads', { messages: [{ role: 'user', content: 'secret' }] });
  const run_id = await made(`/threads/${thread_id}/runs`, { assistant_id });
  const conversation_id = await made('/conversations', { items: [{ role: 'user', content: 'secret' }] });
  const run = { assistant_id, thread: { messages: [{ role: 'user', content: 'secret' }] } };
  await own('post', '/agents/poet/versions', { definition: { kind: 'prompt', model: MODEL } });
  return {
    ...{ agent_name: 'poet', agent_version: '1', agent_id: 'poet', application: 'poet' },
    ...{ file_id, vector_store_id, assistant_id, thread_id, run_id, conversation_id },
    batch_id: await made(`/vector_stores/${vector_store_id}/file_batches`, { file_ids: [file_id] }),
    message_id: await first(`/threads/${thread_id}/messages`),
    // Whether there is such a step does not matter to who does not find its run.
    step_id: 'step_1',
    container_id: await made('/containers', { name: 'secret' }),
    item_id: await first(`/conversations/${conversation_id}/items`),
    response_id: await made('/responses', { model: MODEL, input: 'secret' }),
    schedule_id: await made('/schedules', { cron: '0 0 1 1 *', run }),
    upload_id: await made('/uploads', { bytes: 1, filename: 'a', purpose: 'assistants', mime_type: 'text/plain' }),
    sync_id: await made('/syncs', { vector_store_id, container: 'documents' }),
  };
}

/** Some body that each operation takes. */
const bodies = ({ assistant_id, file_id }: Record<string, string>): object[] => [
  { metadata: {} },
  { role: 'user', content: 'x' },
  { assistant_id },
  { file_id },
  { file_ids: [file_id] },
  { attributes: {} },
  { query: 'otters' },
  { items: [{ role: 'user', content: 'x' }] },
  { tool_outputs: [] },
  { part_ids: [] },
  { input: 'x' },
  {
    ...{ type: 'message', id: '1', text: 'x', channelId: 'test', deliveryMode: 'expectReplies' },
    ...{
      from: { id: 'user' },
      recipient: { id: 'agent' },
      conversation: { id: 'c' },
      serviceUrl: 'https://x.invalid/',
    },
  },
  { definition: { kind: 'prompt', model: MODEL } },
  {},
];

/** Models belong to nobody here, and the names of agents to each tenant. */
const isOthers = ({ path, method }: Operation): boolean =>
  path.includes('{') &&
  !/^\/(deployments|models|fine_tuning)\//.test(path) &&
  !(method === 'post' && path === '/agents/{agent_name}/versions');

it('no operation finds what is another tenant’s, or in no project where it is asked in one', async () => {
  const ids = await everything();
  const operations = families.flatMap((family) => family.operations).filter(isOthers);
  expect(operations.length).toBeGreaterThan(50);
  const strangers: [Tenant, string][] = [
    ['beta', '/v1'],
    ['alpha', '/api/projects/p1'],
  ];
  const found: unknown[] = [];
  for (const { method, path } of operations) {
    const named = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const id = ids[name];
      if (id === undefined) throw new Error(`This test makes no object for {${name}} of ${method} ${path}.`);
      return encodeURIComponent(id);
    });
    for (const [tenant, base] of strangers) {
      const statuses = new Set<number>();
      for (const body of method === 'post' ? bodies(ids) : [undefined]) {
        const { status, text } = await send(tenant, method, base + named, body);
        statuses.add(status);
        if (![400, 404, 415].includes(status)) found.push({ tenant, method, path, body, status, text });
      }
      // That it was asked in earnest, and not for the form of the body only.
      if (!statuses.has(404)) found.push({ tenant, method, path, statuses: [...statuses] });
    }
  }
  expect(found).toEqual([]);
}, 120_000);
