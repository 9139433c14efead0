/** Assistants: create, get, list, modify, delete (operations 9 to 13). */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId, orderKey, partitionOf } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { pageOf } from '../storage/pages';
import type { PageRequest } from '../storage/ports';
import type {
  AssistantObject,
  CreateAssistantRequest,
  ModifyAssistantRequest,
  StoredToolResources,
} from '../wire/assistants';
import type { AssistantsPorts } from './ports';
import { resolveToolResources } from './toolResources';

const LIST = 'assistants';
const keyOf = (scope: Scope, id: string) => ({ partition: partitionOf(scope, LIST), list: LIST, id });

export type Assistants = ReturnType<typeof createAssistants>;

/** The assistants of a scope. Methods throw 404 for an id that is not there. */
export function createAssistants({ records, vectorStores, now }: AssistantsPorts) {
  async function get(scope: Scope, id: string): Promise<AssistantObject> {
    const found = await records.get<AssistantObject>(keyOf(scope, id));
    if (!found) throw errors.noAssistant(id);
    return found.value;
  }

  async function create(scope: Scope, body: CreateAssistantRequest): Promise<AssistantObject> {
    const assistant: AssistantObject = {
      id: newId('asst_'),
      object: 'assistant',
      created_at: Math.floor(now() / 1000),
      name: body.name ?? null,
      description: body.description ?? null,
      model: body.model,
      instructions: body.instructions ?? null,
      tools: body.tools ?? [],
      tool_resources: await resolveToolResources(vectorStores, scope, body.tool_resources),
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
    const resources =
      body.tool_resources === undefined
        ? undefined
        : await resolveToolResources(vectorStores, scope, body.tool_resources);
    return withRetries(async () => {
      const key = keyOf(scope, id);
      const found = await records.get<AssistantObject>(key);
      if (!found) throw errors.noAssistant(id);
      const assistant = modified(found.value, body, resources);
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

/** Absent fields stay; null clears. The resources of a tool that is not named stay too. */
function modified(
  assistant: AssistantObject,
  body: ModifyAssistantRequest,
  resources: StoredToolResources | undefined,
): AssistantObject {
  const { metadata, response_format, ...rest } = body;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const kept = body.tool_resources === null ? {} : assistant.tool_resources;
  return {
    ...assistant,
    ...given,
    tool_resources: { ...kept, ...resources },
    ...(metadata !== undefined && { metadata: metadata ?? {} }),
    ...(response_format !== undefined && { response_format: response_format ?? 'auto' }),
  };
}
