/** What becomes of a request for a version. */
import { isDeepStrictEqual } from 'node:util';
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId, orderKey } from '../storage/keys';
import { ConflictError, type Records, type StoredRecord } from '../storage/ports';
import type { CreateAgentVersionRequest } from '../wire/agents';
import { purgeAgent } from './agentPurge';
import {
  AGENT,
  agentDue,
  agentPartition,
  AGENTS,
  agentsPartition,
  versionOrder,
  VERSIONS,
  type AgentEntry,
  type AgentRecord,
  type AgentReference,
  type VersionRecord,
} from './agentRecords';

/** A creation that takes longer gives up, long before the sweep takes it for dead. */
const CREATION_SECONDS = 600;
const SWEEP_CREATION_SECONDS = 3600;

export interface AgentsPorts {
  records: Records;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** A version that says what the body does; `createdAt` in Unix seconds. */
export const newVersion = (
  name: string,
  number: number,
  body: CreateAgentVersionRequest,
  createdAt: number,
): VersionRecord => ({
  object: 'agent.version',
  id: `${name}:${number}`,
  name,
  version: String(number),
  description: body.description ?? '',
  metadata: body.metadata ?? {},
  created_at: createdAt,
  definition: body.definition,
  draft: false,
  status: 'active',
});

/** The agent with its first version; `stale` is the entry of one of that name that is being deleted. Throws ConflictError if the name was taken meanwhile. */
export async function createFirst(
  { records, now }: AgentsPorts,
  scope: Scope,
  name: string,
  body: CreateAgentVersionRequest,
  stale: StoredRecord<AgentEntry> | undefined,
): Promise<VersionRecord> {
  const seconds = (): number => Math.floor(now() / 1000);
  const reference: AgentReference = { scope, name, key: newId('agent_') };
  const began = seconds();
  const due = agentDue(reference, began + SWEEP_CREATION_SECONDS);
  const version = newVersion(name, 1, body, began);
  const record: AgentRecord = { latest: 1, last: 1 };
  await records.write(
    agentPartition(reference),
    [
      { op: 'create', list: AGENT, id: AGENT, order: orderKey(now()), value: record },
      { op: 'create', list: VERSIONS, id: version.version, order: versionOrder(1), value: version },
    ],
    { add: [due] },
  );
  if (seconds() > began + CREATION_SECONDS) throw errors.tooManyConflicts();
  const value: AgentEntry = { id: name, key: reference.key };
  try {
    await records.write(
      agentsPartition(scope),
      [
        stale
          ? { op: 'replace', list: AGENTS, id: name, value, ifMatch: stale.etag }
          : { op: 'create', list: AGENTS, id: name, order: orderKey(now()), value },
      ],
      { remove: [due] },
    );
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    await purgeAgent(records, reference);
    await records.writeDue({ remove: [due] });
    throw error;
  }
  return version;
}

/** Whether a new version would say the same as the one that is there. */
export function isSame(there: VersionRecord, asked: VersionRecord): boolean {
  const said = ({ description, metadata, definition }: VersionRecord): unknown =>
    // As records keep it: members that are undefined are gone.
    JSON.parse(JSON.stringify({ description, metadata, definition }));
  return isDeepStrictEqual(said(there), said(asked));
}
