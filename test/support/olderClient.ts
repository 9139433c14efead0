/** A program of the time of `assistants=v1`: plain fetch, with that header, and the objects as that form had them. */
import { z } from 'zod';
import type { Host } from './host';
import { eventually } from './polling';

const tool = z.object({ type: z.enum(['code_interpreter', 'retrieval', 'function']) });
const metadata = z.record(z.string(), z.string());
const fileIds = z.array(z.string());
const time = z.int();

const assistant = z.object({
  id: z.string(),
  object: z.literal('assistant'),
  created_at: time,
  name: z.string().nullable(),
  description: z.string().nullable(),
  model: z.string(),
  instructions: z.string().nullable(),
  tools: z.array(tool),
  file_ids: fileIds,
  metadata,
});

const citation = z.object({
  type: z.literal('file_citation'),
  text: z.string(),
  file_citation: z.object({ file_id: z.string(), quote: z.string() }),
  start_index: z.int(),
  end_index: z.int(),
});

const message = z.object({
  id: z.string(),
  object: z.literal('thread.message'),
  created_at: time,
  thread_id: z.string(),
  role: z.enum(['user', 'assistant']),
  content: z.array(
    z.object({ type: z.literal('text'), text: z.object({ value: z.string(), annotations: z.array(citation) }) }),
  ),
  file_ids: fileIds,
  assistant_id: z.string().nullable(),
  run_id: z.string().nullable(),
  metadata,
});

/** As the page of the older API prints it, which calls every field required. */
const run = z.object({
  id: z.string(),
  object: z.literal('thread.run'),
  created_at: time,
  assistant_id: z.string(),
  thread_id: z.string(),
  status: z.string(),
  started_at: time.nullable(),
  expires_at: time.nullable(),
  cancelled_at: time.nullable(),
  failed_at: time.nullable(),
  completed_at: time.nullable(),
  last_error: z.object({ code: z.string(), message: z.string() }).nullable(),
  model: z.string(),
  instructions: z.string().nullable(),
  tools: z.array(tool),
  file_ids: fileIds,
  metadata,
  required_action: z
    .object({
      submit_tool_outputs: z.object({
        tool_calls: z.array(z.object({ id: z.string(), function: z.object({ name: z.string() }) })),
      }),
    })
    .nullable(),
});

const step = z.object({
  id: z.string(),
  object: z.literal('thread.run.step'),
  run_id: z.string(),
  type: z.enum(['message_creation', 'tool_calls']),
  status: z.string(),
  step_details: z.discriminatedUnion('type', [
    z.object({ type: z.literal('message_creation'), message_creation: z.object({ message_id: z.string() }) }),
    z.object({
      type: z.literal('tool_calls'),
      tool_calls: z.array(
        z.discriminatedUnion('type', [
          z.object({ type: z.literal('retrieval'), id: z.string(), retrieval: z.strictObject({}) }),
          z.object({
            type: z.literal('function'),
            id: z.string(),
            function: z.object({ output: z.string().nullable() }),
          }),
          z.object({
            type: z.literal('code_interpreter'),
            id: z.string(),
            code_interpreter: z.object({ outputs: z.array(z.object({ type: z.literal('logs'), logs: z.string() })) }),
          }),
        ]),
      ),
    }),
  ]),
});

const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });

/** The objects of the older form. */
export const older = {
  assistant,
  assistantFile: z.strictObject({
    id: z.string(),
    object: z.literal('assistant.file'),
    created_at: time,
    assistant_id: z.string(),
  }),
  message,
  messageFile: z.strictObject({
    id: z.string(),
    object: z.literal('thread.message.file'),
    created_at: time,
    message_id: z.string(),
  }),
  run,
  step,
  thread: z.object({ id: z.string(), object: z.literal('thread'), created_at: time, metadata }),
  deleted: z.strictObject({ id: z.string(), object: z.string(), deleted: z.literal(true) }),
  refusal: z.object({
    error: z.object({ message: z.string(), param: z.string().nullable(), code: z.string().nullable() }),
  }),
  listOf,
};

export interface OlderClientOptions {
  /** Path of the base. */
  base?: string;
  /** With the question mark. */
  query?: string;
  headers?: Record<string, string>;
}

/** Calls the host; each answer is read by the schema that it must have. */
export function olderClient(
  host: () => Host,
  { base = '/v1', query = '', headers = { 'openai-beta': 'assistants=v1' } }: OlderClientOptions = {},
) {
  async function fetched(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${host().url}${base}${path}${query}`, {
      method,
      headers: {
        authorization: `Bearer ${host().key()}`,
        ...headers,
        ...(body !== undefined && !(body instanceof FormData) && { 'content-type': 'application/json' }),
      },
      body: body === undefined || body instanceof FormData ? body : JSON.stringify(body),
    });
  }

  async function call<T extends z.ZodType>(
    schema: T,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<z.output<T>> {
    const answer = await fetched(method, path, body);
    const value: unknown = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(value)}`);
    return schema.parse(value);
  }

  return {
    fetched,
    call,
    /** Status and error of a call that is refused. */
    async refused(method: string, path: string, body?: unknown) {
      const answer = await fetched(method, path, body);
      return { status: answer.status, ...older.refusal.parse(await answer.json()).error };
    },
    async upload(text: string, name: string): Promise<string> {
      const form = new FormData();
      form.set('purpose', 'assistants');
      form.set('file', new File([text], name));
      return (await call(z.object({ id: z.string() }), 'POST', '/files', form)).id;
    },
    /** Looks at the run until it has left the states in which it moves by itself. */
    async polled({ id, thread_id }: { id: string; thread_id: string }) {
      return eventually('the run comes to rest', async () => {
        const found = await call(run, 'GET', `/threads/${thread_id}/runs/${id}`);
        return ['queued', 'in_progress', 'cancelling'].includes(found.status) ? undefined : found;
      });
    },
  };
}
