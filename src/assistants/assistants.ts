/** Assistants: create, get, list, modify, delete (operations 9 to 13). */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId, orderKey, partitionOf } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { pageOf } from '../storage/pages';
import type { PageRequest } from '../storage/ports';
import type { AssistantObject, CreateAssistantRequest, ModifyAssistantRequest } from '../wire/assistants';
import { checkTools } from './newRun';
import type { AssistantsPorts } from './ports';
import { checkToolResources, withToolResources } from './toolResources';

const LIST = 'assistants';
const keyOf = (scope: Scope, id: string) => ({ partition: partitionOf(scope, LIST), list: LIST, id });

export type Assistants = ReturnType<typeof createAssistants>;

/**
 * The assistants of a scope. Methods throw 404 for an id that is not there, also of a file or vector store that a request names, and 400 for tools that do not go
 * together.
 */
export function createAssistants(ports: AssistantsPorts) {
  const { records, now } = ports;

  async function get(scope: Scope, id: string): Promise<AssistantObject> {
    const found = await records.get<AssistantObject>(keyOf(scope, id));
    if (!found) throw errors.noAssistant(id);
    return found.value;
  }

  async function create(scope: Scope, body: CreateAssistantRequest): Promise<AssistantObject> {
    checkTools(body.tools ?? [], body.response_format ?? 'auto');
    await checkToolResources(ports, scope, body.tool_resources);
    const assistant: AssistantObject = {
      id: newId('asst_'),
      object: 'assistant',
      created_at: Math.floor(now() / 1000),
      name: body.name ?? null,
      description: body.description ?? null,
      model: body.model,
      instructions: body.instructions ?? null,
      tools: body.tools ?? [],
      tool_resources: withToolResources({}, body.tool_resources),
      metadata: body.metadata ?? {},
      temperature: body.temperature ?? null,
      top_p: body.top_p ?? null,
      response_format: body.response_format ?? 'auto',
      reasoning_effort: body.reasoning_effort ?? null,
    };
    const { partition, list, id } = keyOf(scope, assistant.id);
    await records.write(partition, [{ op: 'create', list, id, order: orderKey(now()), value: assistant }]);
    return assistant;
  }

  async function modify(scope: Scope, id: string, body: ModifyAssistantRequest): Promise<AssistantObject> {
    await checkToolResources(ports, scope, body.tool_resources);
    return withRetries(async () => {
      const key = keyOf(scope, id);
      const found = await records.get<AssistantObject>(key);
      if (!found) throw errors.noAssistant(id);
      const assistant = modified(found.value, body);
      checkTools(assistant.tools, assistant.response_format);
      await records.write(key.partition, [
        { op: 'replace', list: key.list, id, value: assistant, ifMatch: found.etag },
      ]);
      return assistant;
    });
  }

  async function remove(scope: Scope, id: string) {
    await get(scope, id);
    const { partition, list } = keyOf(scope, id);
    await records.write(partition, [{ op: 'delete', list, id }]);
    return { id, object: 'assistant.deleted', deleted: true };
  }

  const list = async (scope: Scope, page: PageRequest) =>
    pageOf<AssistantObject>(records, partitionOf(scope, LIST), LIST, page);

  return { get, create, modify, remove, list };
}

/** Absent fields stay; null clears. */
function modified(assistant: AssistantObject, body: ModifyAssistantRequest): AssistantObject {
  const { metadata, response_format, tool_resources, ...rest } = body;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...assistant,
    ...given,
    tool_resources: withToolResources(assistant.tool_resources, tool_resources),
    ...(metadata !== undefined && { metadata: metadata ?? {} }),
    ...(response_format !== undefined && { response_format: response_format ?? 'auto' }),
  };
}
