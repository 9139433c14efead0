/** A model service that has Responses and Conversations: what it was sent decides what it answers. It knows one account, as real ones do. */
import { singleService, startMediaHosts, type MediaHosts } from './modelHosts';
import type { MediaHandler, MediaReply, MediaRequest, ScriptedMedia } from './scriptedMedia';
import { bodyOf } from './scriptedMedia';

interface Item {
  type?: string;
  role?: string;
  id?: string;
  [field: string]: unknown;
}
interface ResponseBody {
  id: string;
  object: 'response';
  output: Item[];
  [field: string]: unknown;
}

const json = (value: unknown, status = 200): MediaReply => ({ status, body: JSON.stringify(value) });
const refusal = (status: number, message: string, code: string | null = null): MediaReply =>
  json({ error: { message, type: 'invalid_request_error', param: null, code } }, status);
/** One event as the service writes it, blanks and all. */
export const frame = (type: string, fields: object): string =>
  `event: ${type}\ndata: {"type":"${type}",${JSON.stringify(fields).slice(1)}\n\n`;

/** Ids go on from service to service, so that those of two differ. */
let made = 0;
const newId = (prefix: string): string => `${prefix}_upstream${String((made += 1)).padStart(6, '0')}`;

export const SAFETY_CHECK = { id: 'sc_1', code: 'malicious_instructions', message: 'The page tells you to do things.' };
export const SOURCES = [{ type: 'url', url: 'https://sea.example/tides' }];

/** A service with nothing in it yet. */
export function scriptedResponses(): MediaHandler {
  const responses = new Map<string, { response: ResponseBody; input: Item[] }>();
  const conversations = new Map<string, Item[]>();
  const containers = new Set<string>();

  function create(request: MediaRequest): MediaReply {
    const body = bodyOf(request);
    const given: Item[] = Array.isArray(body.input) ? body.input : [message('user', String(body.input))];
    if (body.previous_response_id && !responses.has(String(body.previous_response_id)))
      return refusal(400, 'Previous response not found.', 'previous_response_not_found');
    const output = outputFor(body, given);
    if (!output) return refusal(400, 'Computer call output is missing acknowledged safety checks.');
    const response: ResponseBody = {
      id: newId('resp'),
      object: 'response',
      created_at: 1_760_000_000,
      status: body.background ? 'queued' : 'completed',
      model: body.model,
      previous_response_id: body.previous_response_id ?? null,
      metadata: body.metadata ?? {},
      tools: body.tools ?? [],
      store: body.store ?? true,
      output,
      usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 },
    };
    for (const { container_id: container } of output) if (typeof container === 'string') containers.add(container);
    if (body.store !== false)
      responses.set(response.id, { response, input: given.map((item) => ({ id: newId('msg'), ...item })) });
    return body.stream
      ? { headers: { 'content-type': 'text/event-stream' }, body: framesOf(response) }
      : json(response);
  }

  function ofConversation({ method, operation, ...request }: MediaRequest): MediaReply | undefined {
    const [, id = '', action, item] = /^conversations(?:\/([^/]+))?(?:\/(items)(?:\/([^/]+))?)?$/.exec(operation) ?? [];
    const body = method === 'POST' ? bodyOf({ method, operation, ...request }) : {};
    const stored = (items: unknown): Item[] =>
      (Array.isArray(items) ? items : []).map((one) => ({ ...one, id: newId('msg') }));
    if (id === '') {
      const conversation = newId('conv');
      conversations.set(conversation, stored(body.items));
      return json({ id: conversation, object: 'conversation', created_at: 1, metadata: body.metadata ?? {} });
    }
    const items = conversations.get(id);
    if (!items) return refusal(404, `Conversation with id '${id}' not found.`);
    const page = (data: Item[]) =>
      json({ object: 'list', data, first_id: data[0]?.id, last_id: data.at(-1)?.id, has_more: false });
    if (action && method === 'POST') {
      const added = stored(body.items);
      items.push(...added);
      return page(added);
    }
    if (item) return json(items.find((one) => one.id === item) ?? { id: item, deleted: true });
    if (action) return page(items);
    if (method === 'DELETE') {
      conversations.delete(id);
      return json({ id, object: 'conversation.deleted', deleted: true });
    }
    return json({ id, object: 'conversation', created_at: 1, metadata: body.metadata ?? {} });
  }

  function ofContainer({ method, operation, ...request }: MediaRequest): MediaReply {
    const [, id = '', files, fileId, content] =
      /^containers(?:\/([^/]+))?(?:\/(files)(?:\/([^/]+))?)?(?:\/(content))?$/.exec(operation) ?? [];
    if (id === '') {
      const container = newId('cntr');
      containers.add(container);
      const { name } = bodyOf({ method, operation, ...request });
      return json({ id: container, object: 'container', created_at: 1, status: 'running', name });
    }
    if (!containers.has(id)) return refusal(404, `Container with id '${id}' not found.`);
    const file = { id: fileId ?? newId('cfile'), object: 'container.file', container_id: id, created_at: 1, bytes: 5 };
    const shown = { ...file, path: '/mnt/data/a.txt', source: 'user' };
    // A file may look like anything.
    if (content) return { headers: { 'content-type': 'text/html' }, body: '<p>calm?' };
    if (fileId) return json(method === 'DELETE' ? { id: fileId, deleted: true } : shown);
    if (files) return json(method === 'POST' ? shown : { object: 'list', data: [shown], has_more: false });
    if (method === 'DELETE') containers.delete(id);
    return json({ id, object: 'container', created_at: 1, status: 'running', name: 'x', deleted: method === 'DELETE' });
  }

  return (request) => {
    const { method, operation, path } = request;
    if (operation.startsWith('containers')) return ofContainer(request);
    if (operation.startsWith('conversations')) return ofConversation(request);
    const [, id, action] = /^responses(?:\/([^/]+))?(?:\/(\w+))?$/.exec(operation) ?? [];
    if (operation === 'responses' && method === 'POST') return create(request);
    if (operation === 'responses/input_tokens') return json({ object: 'response.input_tokens', input_tokens: 11 });
    if (operation === 'responses/compact')
      return json({ id: newId('resp'), object: 'response.compaction', created_at: 1, output: [], usage: null });
    const found = id === undefined ? undefined : responses.get(id);
    if (!id) return undefined;
    if (!found) return refusal(404, `Response with id '${id}' not found.`);
    if (method === 'DELETE') {
      responses.delete(id);
      return json({ id, object: 'response', deleted: true });
    }
    if (action === 'cancel') return json({ ...found.response, status: 'cancelled' });
    if (action === 'input_items') return json({ object: 'list', data: found.input, has_more: false, path });
    if (path.includes('stream=true'))
      return { headers: { 'content-type': 'text/event-stream' }, body: framesOf(found.response) };
    return json({ ...found.response, status: 'completed' });
  };
}

const message = (role: string, text: string): Item => ({
  type: 'message',
  id: newId('msg'),
  role,
  status: 'completed',
  content: [role === 'user' ? { type: 'input_text', text } : { type: 'output_text', text, annotations: [] }],
});

/** Undefined where a screen comes without the safety checks that were asked to be acknowledged. */
function outputFor(body: Record<string, unknown>, input: Item[]): Item[] | undefined {
  const tools: Item[] = Array.isArray(body.tools) ? body.tools : [];
  const include: unknown[] = Array.isArray(body.include) ? body.include : [];
  const has = (...types: string[]) => tools.some(({ type = '' }) => types.includes(type));
  const screen = input.find(({ type }) => type === 'computer_call_output');
  if (screen) {
    if (JSON.stringify(screen.acknowledged_safety_checks) !== JSON.stringify([SAFETY_CHECK])) return undefined;
    return [message('assistant', `I see ${JSON.stringify(screen.output)}.`)];
  }
  if (has('computer_use_preview'))
    return [
      {
        type: 'computer_call',
        id: newId('cu'),
        call_id: 'call_1',
        status: 'completed',
        action: { type: 'click', button: 'left', x: 10, y: 20 },
        pending_safety_checks: [SAFETY_CHECK],
      },
    ];
  const output: Item[] = [];
  if (has('web_search', 'web_search_2025_08_26', 'web_search_preview', 'web_search_preview_2025_03_11')) {
    const sources = include.includes('web_search_call.action.sources') ? { sources: SOURCES } : {};
    output.push({
      type: 'web_search_call',
      id: newId('ws'),
      status: 'completed',
      action: { type: 'search', query: 'tides', ...sources },
    });
  }
  if (has('code_interpreter'))
    output.push({
      type: 'code_interpreter_call',
      id: newId('ci'),
      status: 'completed',
      container_id: newId('cntr'),
      code: '1',
      outputs: null,
    });
  if (has('shell'))
    output.push({
      type: 'shell_call',
      id: newId('sh'),
      call_id: 'call_1',
      status: 'completed',
      action: { commands: ['ls'] },
      environment: { type: 'container_reference', container_id: newId('cntr') },
    });
  return [...output, message('assistant', 'The sea is high.')];
}

function framesOf(response: ResponseBody): string[] {
  let sequence_number = 0;
  const next = (type: string, fields: object) => frame(type, { ...fields, sequence_number: sequence_number++ });
  const begun = { ...response, status: 'in_progress', output: [] };
  return [
    next('response.created', { response: begun }),
    next('response.in_progress', { response: begun }),
    ...response.output.flatMap((item, output_index) => [
      next('response.output_item.added', { output_index, item: { ...item, status: 'in_progress' } }),
      ...(item.type === 'message'
        ? [
            next('response.output_text.delta', {
              output_index,
              item_id: item.id,
              content_index: 0,
              delta: 'The sea is high.',
            }),
          ]
        : []),
      next('response.output_item.done', { output_index, item }),
    ]),
    next('response.completed', { response }),
  ];
}

export const UPSTREAM_MODE = { RESPONSES_MODE: 'upstream' };

/** Hosts in that mode before one service, which is reached in both styles. */
export const startResponsesHosts = async (): Promise<MediaHosts> =>
  startMediaHosts((service) => {
    const { openai, azure } = singleService(service, service);
    return { openai: { ...openai, ...UPSTREAM_MODE }, azure: { ...azure, ...UPSTREAM_MODE } };
  });

/** What the call is refused with; throws where anything of it went to the service. */
export async function refusedHere({ requests }: ScriptedMedia, call: Promise<unknown>): Promise<unknown> {
  const before = requests.length;
  const error: unknown = await call.then(
    () => 'It was not refused.',
    (thrown: unknown) => thrown,
  );
  if (requests.length > before) throw new Error(`${requests.at(-1)?.path} went to the service.`);
  return error;
}
