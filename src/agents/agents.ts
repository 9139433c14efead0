/** Agents of a scope by name, each a row of immutable versions. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { listedDeletion } from '../storage/deletedPlaces';
import { withRetries } from '../storage/optimistic';
import { pageOf } from '../storage/pages';
import { ConflictError, type PageRequest, type StoredRecord } from '../storage/ports';
import { selectedPage } from '../storage/selectedPages';
import {
  agentName,
  type AgentDefinition,
  type AgentObject,
  type AgentVersionObject,
  type CreateAgentVersionRequest,
} from '../wire/agents';
import { purgeAgent } from './agentPurge';
import {
  AGENT,
  agentDue,
  agentKey,
  agentPartition,
  AGENTS,
  agentsPartition,
  entryKey,
  versionKey,
  versionOrder,
  VERSIONS,
  type AgentEntry,
  type AgentRecord,
  type AgentReference,
  type VersionRecord,
} from './agentRecords';
import { createFirst, isSame, newVersion, type AgentsPorts } from './newVersions';
import { shownAgent, shownVersion } from './shownAgents';

const SWEEP_DELETION_SECONDS = 60;

/** An agent as a request names it; without a version, or with `latest`, the latest one. */
export interface NamedAgent {
  name: string;
  version?: string;
}

/** What a response runs. */
export interface ResolvedAgent {
  name: string;
  version: string;
  /** With the secrets of its tools. */
  definition: AgentDefinition;
}

/** An agent as it was read. */
interface FoundAgent {
  reference: AgentReference;
  agent: StoredRecord<AgentRecord>;
}

export type Agents = ReturnType<typeof createAgents>;

/** The agents of a scope. Methods throw 404 for a name or a version that is not there, and 409 where too many writers meet. */
export function createAgents({ records, now }: AgentsPorts) {
  const seconds = (): number => Math.floor(now() / 1000);

  async function findEntry(scope: Scope, name: string): Promise<StoredRecord<AgentEntry> | undefined> {
    // Other names are none, and some are too long for a key.
    return agentName.safeParse(name).success ? records.get<AgentEntry>(entryKey(scope, name)) : undefined;
  }

  async function findAgent(scope: Scope, name: string, key: string | undefined): Promise<FoundAgent | undefined> {
    if (key === undefined) return undefined;
    const reference: AgentReference = { scope, name, key };
    const agent = await records.get<AgentRecord>(agentKey(reference));
    return agent && { reference, agent };
  }

  async function read(scope: Scope, name: string): Promise<FoundAgent> {
    const entry = await findEntry(scope, name);
    const found = await findAgent(scope, name, entry?.value.key);
    if (!found) throw errors.noAgent(name);
    return found;
  }

  async function latestOf({ reference, agent }: FoundAgent): Promise<VersionRecord> {
    const key = versionKey(reference, String(agent.value.latest));
    const found = await records.get<VersionRecord>(key);
    // It was deleted since the agent was read.
    if (!found) throw new ConflictError(key);
    return found.value;
  }

  async function readVersion(scope: Scope, { name, version }: NamedAgent): Promise<VersionRecord> {
    return withRetries(async () => {
      const found = await read(scope, name);
      if (version === undefined || version === 'latest') return latestOf(found);
      return (await storedVersion(found, version)).value;
    });
  }

  async function storedVersion({ reference }: FoundAgent, version: string): Promise<StoredRecord<VersionRecord>> {
    const isNumber = /^[1-9]\d{0,14}$/.test(version);
    const found = isNumber ? await records.get<VersionRecord>(versionKey(reference, version)) : undefined;
    if (!found) throw errors.noAgentVersion(reference.name, version);
    return found;
  }

  /** The next version of an agent, or its latest one where nothing would change. */
  async function addVersion(found: FoundAgent, body: CreateAgentVersionRequest): Promise<VersionRecord> {
    const { reference, agent } = found;
    const number = agent.value.last + 1;
    const version = newVersion(reference.name, number, body, seconds());
    const latest = await latestOf(found);
    if (isSame(latest, version)) return latest;
    const record: AgentRecord = { latest: number, last: number };
    await records.write(agentPartition(reference), [
      { op: 'replace', list: AGENT, id: AGENT, value: record, ifMatch: agent.etag },
      { op: 'create', list: VERSIONS, id: version.version, order: versionOrder(number), value: version },
    ]);
    return version;
  }

  /** Adds a version and makes the agent where there is none of that name. What equals the latest version is no new one. */
  async function createVersion(
    scope: Scope,
    name: string,
    body: CreateAgentVersionRequest,
  ): Promise<AgentVersionObject> {
    const version = await withRetries(async () => {
      const entry = await findEntry(scope, name);
      const found = await findAgent(scope, name, entry?.value.key);
      return found ? addVersion(found, body) : createFirst({ records, now }, scope, name, body, entry);
    });
    return shownVersion(version);
  }

  /** As `createVersion`, with the agent as the answer. */
  const create = async (scope: Scope, name: string, body: CreateAgentVersionRequest): Promise<AgentObject> =>
    shownAgent(await createVersion(scope, name, body));

  /** As `create` of an agent that is there. */
  const update = async (scope: Scope, name: string, body: CreateAgentVersionRequest): Promise<AgentObject> =>
    shownAgent(shownVersion(await withRetries(async () => addVersion(await read(scope, name), body))));

  const get = async (scope: Scope, name: string): Promise<AgentObject> => shownAgent(await getVersion(scope, { name }));

  const getVersion = async (scope: Scope, named: NamedAgent): Promise<AgentVersionObject> =>
    shownVersion(await readVersion(scope, named));

  const list = async (scope: Scope, page: PageRequest) =>
    selectedPage<AgentEntry, AgentObject>(
      records,
      { partition: agentsPartition(scope), list: AGENTS },
      page,
      async ({ id, key }) =>
        withRetries(async () => {
          const found = await findAgent(scope, id, key);
          return found && shownAgent(shownVersion(await latestOf(found)));
        }),
    );

  async function listVersions(scope: Scope, name: string, page: PageRequest) {
    const { reference } = await read(scope, name);
    const numberOf = (id: string | undefined) => id?.slice(id.lastIndexOf(':') + 1);
    const request = { ...page, after: numberOf(page.after), before: numberOf(page.before) };
    const { data, hasMore } = await pageOf<VersionRecord>(records, agentPartition(reference), VERSIONS, request);
    return { data: data.map(shownVersion), hasMore };
  }

  /** Deletes the agent, with `version` in the same write, unless the agent was changed since it was read (ConflictError). */
  async function removeFound({ reference, agent }: FoundAgent, version?: StoredRecord): Promise<void> {
    const due = agentDue(reference, seconds() + SWEEP_DELETION_SECONDS);
    await records.write(
      agentPartition(reference),
      [
        { op: 'delete', list: AGENT, id: AGENT, ifMatch: agent.etag },
        ...(version ? [{ op: 'delete', list: VERSIONS, id: version.id, ifMatch: version.etag } as const] : []),
      ],
      { add: [due] },
    );
    await purgeAgent(records, reference, now());
    await records.writeDue({ remove: [due] });
  }

  /** Deletes the agent with all its versions. */
  async function remove(scope: Scope, name: string) {
    await withRetries(async () => removeFound(await read(scope, name)));
    return { object: 'agent.deleted', name, deleted: true } as const;
  }

  /** Deletes a version; with the last one that is left the agent goes. Its number is not used again while the agent lives. */
  async function removeVersion(scope: Scope, name: string, version: string) {
    await withRetries(async () => {
      const found = await read(scope, name);
      const stored = await storedVersion(found, version);
      const { reference, agent } = found;
      const latest = stored.id === String(agent.value.latest) ? await before(reference, stored.id) : agent.value.latest;
      if (latest === undefined) return removeFound(found, stored);
      const partition = agentPartition(reference);
      const key = { partition, list: VERSIONS, id: stored.id };
      const deletion = await listedDeletion(records, key, stored, now());
      await records.write(
        partition,
        [
          { op: 'replace', list: AGENT, id: AGENT, value: { ...agent.value, latest }, ifMatch: agent.etag },
          ...deletion.changes,
        ],
        { add: [deletion.due] },
      );
    });
    return { object: 'agent.version.deleted', name, version, deleted: true } as const;
  }

  /** The greatest number below that of the version. */
  async function before(reference: AgentReference, version: string): Promise<number | undefined> {
    const page = { order: 'desc', limit: 1, after: version } as const;
    const { data } = await pageOf<VersionRecord>(records, agentPartition(reference), VERSIONS, page);
    return data[0] && Number(data[0].version);
  }

  /** What a response that names the agent runs. */
  async function resolve(scope: Scope, named: NamedAgent): Promise<ResolvedAgent> {
    const { name, version, definition } = await readVersion(scope, named);
    return { name, version, definition };
  }

  return { create, createVersion, update, get, getVersion, list, listVersions, remove, removeVersion, resolve };
}
