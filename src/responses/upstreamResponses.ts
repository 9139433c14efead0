/**
 * Responses and conversations of an upstream that has them (`RESPONSES_MODE=upstream`): whose they are, and what of a request must be settled here before it is sent on. The
 * upstream runs every tool, so it can use nothing that is kept here: vector stores and files of this server are refused; agents are resolved here.
 */
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { UpstreamItem, UpstreamResponseRequest, UpstreamTool } from '../wire/upstreamResponses';
import type { ResponsesPorts } from './ports';
import type { ToldObjects } from './toldObjects';
import { createUpstreamObjects } from './upstreamObjects';
import {
  filesOfItem,
  filesOfTool,
  referencesOfItems,
  referencesOfRequest,
  referencesOfTools,
  type Reference,
} from './upstreamReferences';
import { settledHere, type Settled } from './upstreamTerms';

/** What is kept by this server, where an upstream does not reach. */
export interface KeptHere {
  isFile(scope: Scope, id: string): Promise<boolean>;
  isVectorStore(scope: Scope, id: string): Promise<boolean>;
}

export interface UpstreamResponsesPorts extends Pick<ResponsesPorts, 'records' | 'agents' | 'now'> {
  kept: KeptHere;
  /** Names of the backends that there are. */
  backends: readonly string[];
}

/** A request as it goes to an upstream. */
export interface UpstreamRequest {
  model: string;
  /** The body, where it is not sent on as it came. */
  changed?: Record<string, unknown>;
  /** The backend that has what the request goes on from; undefined where any may take it. */
  backend: string | undefined;
  agent: Settled['agent'];
}

export type UpstreamResponses = ReturnType<typeof createUpstreamResponses>;

export function createUpstreamResponses(ports: UpstreamResponsesPorts) {
  const objects = createUpstreamObjects(ports);

  /** The backend that has the object. Throws `missing` where the scope has none of that id, or its backend is no longer configured. */
  async function requireBackend(scope: Scope, { kind, id, missing }: Reference): Promise<string> {
    const backend = await objects.backendOf(scope, kind, id);
    if (backend === undefined || !ports.backends.includes(backend)) throw missing();
    return backend;
  }

  /** The one backend that has all of them; undefined for none. Throws 400 and 404. */
  async function placeOf(scope: Scope, references: Reference[]): Promise<string | undefined> {
    let place: { backend: string; id: string } | undefined;
    const seen = new Set<string>();
    for (const reference of references) {
      const { kind, id } = reference;
      if (seen.has(`${kind} ${id}`)) continue;
      seen.add(`${kind} ${id}`);
      const backend = await requireBackend(scope, reference);
      place ??= { backend, id };
      if (backend !== place.backend) {
        const message = `'${place.id}' and '${id}' are kept by different model services, and cannot be used together.`;
        throw errors.invalidParameter(message, 'invalid_value', 'input');
      }
    }
    return place?.backend;
  }

  /** Throws 400 for files and vector stores that are kept here, where the upstream does not reach. */
  async function refuseOwn(scope: Scope, items: UpstreamItem[], tools: UpstreamTool[]): Promise<void> {
    const files = new Map<string, string>();
    for (const [index, item] of items.entries())
      for (const id of filesOfItem(item)) if (!files.has(id)) files.set(id, `input[${index}]`);
    for (const [index, tool] of tools.entries()) {
      const param = `tools[${index}]`;
      for (const id of filesOfTool(tool)) if (!files.has(id)) files.set(id, param);
      for (const id of tool.vector_store_ids ?? []) {
        if (await ports.kept.isVectorStore(scope, id))
          throw errors.notOfUpstream('vector store', id, `${param}.vector_store_ids`);
      }
    }
    for (const [id, param] of files) {
      if (await ports.kept.isFile(scope, id)) throw errors.notOfUpstream('file', id, param);
    }
  }

  /** Checks what the request names. Throws 400 and 404. */
  async function check(scope: Scope, asked: UpstreamResponseRequest): Promise<string | undefined> {
    const items = Array.isArray(asked.input) ? asked.input : [];
    const tools = asked.tools ?? [];
    await refuseOwn(scope, items, tools);
    return placeOf(scope, [...referencesOfRequest(asked), ...referencesOfItems(items), ...referencesOfTools(tools)]);
  }

  return {
    /** A response, its counting or its compaction, checked. Throws 400 and 404; calls nobody. */
    async prepare(scope: Scope, asked: UpstreamResponseRequest): Promise<UpstreamRequest> {
      const { changed, agent } = await settledHere(ports.agents, scope, asked);
      const request = changed ?? asked;
      if (!request.model) throw errors.missingParameter('model');
      const backend = await check(scope, request);
      return { model: request.model, backend, agent, ...(changed && { changed }) };
    },

    /** Items for a conversation that is there or is yet to be, checked: the backend that has what they refer to, and the conversation. Throws 400 and 404. */
    async checkItems(scope: Scope, items: UpstreamItem[], conversation?: string): Promise<string | undefined> {
      await refuseOwn(scope, items, []);
      return placeOf(scope, [...referencesOfRequest({ conversation }), ...referencesOfItems(items)]);
    },

    /** The backend that has the response. Throws 404 for one that is none of the scope's. */
    backendOfResponse: async (scope: Scope, id: string): Promise<string> =>
      requireBackend(scope, { kind: 'responses', id, missing: () => errors.noResponse(id) }),

    /** As `backendOfResponse`. */
    backendOfConversation: async (scope: Scope, id: string): Promise<string> =>
      requireBackend(scope, { kind: 'conversations', id, missing: () => errors.noConversation(id) }),

    /** Notes as the scope's what an answer tells of. Of a response that is not stored only the containers outlast it. */
    async note(scope: Scope, backend: string, told: ToldObjects, stored: boolean): Promise<void> {
      const { response, items, containers } = told;
      const kept = stored ? items : [];
      await Promise.all([
        ...(stored && response !== undefined ? [objects.add(scope, 'responses', response, backend)] : []),
        ...kept.map(async (id) => objects.add(scope, 'items', id, backend)),
        ...containers.map(async (id) => objects.add(scope, 'containers', id, backend)),
      ]);
    },

    /** As `backendOfResponse`. */
    backendOfContainer: async (scope: Scope, id: string): Promise<string> =>
      requireBackend(scope, { kind: 'containers', id, missing: () => errors.noContainer(id) }),

    /** Throws 400 for files that are kept here, of which the upstream knows nothing; `param` is where the request names them. */
    async checkFiles(scope: Scope, ids: readonly string[], param: string): Promise<void> {
      for (const id of new Set(ids))
        if (await ports.kept.isFile(scope, id)) throw errors.notOfUpstream('file', id, param);
    },

    noteContainer: async (scope: Scope, backend: string, id: string): Promise<void> =>
      objects.add(scope, 'containers', id, backend),
    forgetContainer: async (scope: Scope, id: string): Promise<void> => objects.remove(scope, 'containers', id),
    noteConversation: async (scope: Scope, backend: string, id: string): Promise<void> =>
      objects.add(scope, 'conversations', id, backend),
    forgetResponse: async (scope: Scope, id: string): Promise<void> => objects.remove(scope, 'responses', id),
    forgetConversation: async (scope: Scope, id: string): Promise<void> => objects.remove(scope, 'conversations', id),
  };
}
