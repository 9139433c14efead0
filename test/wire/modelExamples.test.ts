/** The examples that the contract prints for operations 1 to 8, sent as printed; those of chat on your data are in chatOnYourDataExamples.test.ts. Only where the contract lies beside the repository. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startHost, type Host } from '../support/host';
import { singleService } from '../support/modelHosts';
import { startScriptedMedia, type MediaReply, type ScriptedMedia } from '../support/scriptedMedia';

interface Example {
  id: string;
  operation: number;
  title: string;
  request: {
    method: string;
    path: string;
    query: Record<string, string>;
    content_type: string | null;
    body: Record<string, unknown> | null;
  };
  response: { status: number; content_type: string; body: unknown };
}
interface Form {
  fields: Record<string, string>;
  file: { field: string; filename: string; content_type: string; content: string };
}

const root = join(__dirname, '..', '..').replace(/[\\/]dist$/, '');
const file = [process.env.CONTRACT_DIR, join(root, '..', 'shared', 'contract')]
  .flatMap((folder) => (folder ? [join(folder, 'examples.json')] : []))
  .find(existsSync);
const examples: Example[] = file
  ? JSON.parse(readFileSync(file, 'utf8')).examples.filter(({ operation }: Example) => operation <= 8)
  : [];

let media: ScriptedMedia;
let host: Host;
beforeAll(async () => {
  media = await startScriptedMedia();
  host = await startHost({ env: singleService(media, media).azure });
});
afterAll(async () => {
  await host.stop();
  await media.close();
});
beforeEach(() => media.reset());

function bodyOf({ content_type, body }: Example['request']): string | FormData | undefined {
  if (content_type !== 'multipart/form-data') return body ? JSON.stringify(body) : undefined;
  const { fields, file } = body as unknown as Form;
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append(file.field, new Blob([file.content], { type: file.content_type }), file.filename);
  return form;
}

/** What is printed, as a service would send it. */
function scripted({ content_type, body }: Example['response']): MediaReply {
  const headers = { 'content-type': content_type };
  if (content_type === 'application/json') return { headers, body: JSON.stringify(body) };
  return { headers, body: typeof body === 'string' ? body : String((body as { example: string }).example) };
}

async function send({ request }: Example): Promise<Response> {
  const path = request.path.replace('{deployment-id}', 'deployment-1');
  return fetch(`${host.url}${path}?${new URLSearchParams(request.query)}`, {
    method: request.method,
    headers: {
      'api-key': host.key(),
      ...(request.content_type === 'application/json' && { 'content-type': 'application/json' }),
    },
    body: bodyOf(request),
  });
}

const usesData = ({ request }: Example) => request.body !== null && 'data_sources' in request.body;
const named = (list: Example[]): [string, Example][] =>
  list.map((example) => [`${example.id} ${example.title}`, example]);
const present = examples.length > 0 ? it : it.skip;

present('there are examples of each operation that has some', () => {
  expect(new Set(examples.map(({ operation }) => operation))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7]));
});

const direct = named(examples.filter((example) => !usesData(example)));
(direct.length > 0 ? it : it.skip).each(
  direct.length > 0 ? direct : [['no examples', undefined as unknown as Example]],
)('%s', async (_name, example) => {
  const reply = scripted(example.response);
  media.on(() => reply);
  const answer = await send(example);
  expect(answer.status).toBe(example.response.status);
  expect(answer.headers.get('content-type')).toContain(example.response.content_type);
  expect(await answer.text()).toBe(reply.body);
  const [request] = media.requests;
  const operation = example.request.path.replace('/openai/deployments/{deployment-id}/', '');
  expect([request?.deployment, request?.operation]).toEqual(['deployment-1', operation]);
  if (example.request.content_type === 'application/json')
    expect(request?.body.toString()).toBe(bodyOf(example.request));
});
