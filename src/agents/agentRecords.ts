/**
 * How agents are stored. A name leads by an entry in the scope's list to the agent's own partition, which is named by a key of its own: an agent
 * that is made anew under the name of a deleted one shares nothing with it.
 */
import { z } from 'zod';
import type { Scope } from '../scope';
import { partitionOf } from '../storage/keys';
import type { DueRecord, RecordKey } from '../storage/ports';
import type { AgentVersionObject } from '../wire/agents';

/** Names an agent, and which of those that had the name. */
export interface AgentReference {
  scope: Scope;
  name: string;
  /** Of the partition. */
  key: string;
}

/** Entry of the scope's list; its id is the name. An entry whose agent has no record is passed over: it is being deleted. */
export interface AgentEntry {
  id: string;
  key: string;
}

/** Written with every version that comes or goes. An agent is there when its entry and its record are. */
export interface AgentRecord {
  /** The greatest number that there is. */
  latest: number;
  /** The greatest number that there ever was: numbers are not used again. */
  last: number;
}

/** As it was asked for, secrets of tools included. */
export type VersionRecord = AgentVersionObject;

export const agentsPartition = (scope: Scope): string => partitionOf(scope, 'agents');
export const AGENTS = 'agents';

export const entryKey = (scope: Scope, name: string): RecordKey => ({
  partition: agentsPartition(scope),
  list: AGENTS,
  id: name,
});

export const agentPartition = ({ scope, key }: AgentReference): string => partitionOf(scope, 'agents', key);
export const AGENT = 'agent';
export const VERSIONS = 'versions';

export const agentKey = (reference: AgentReference): RecordKey => ({
  partition: agentPartition(reference),
  list: AGENT,
  id: AGENT,
});

export const versionKey = (reference: AgentReference, version: string): RecordKey => ({
  partition: agentPartition(reference),
  list: VERSIONS,
  id: version,
});

/** Sorts versions by their numbers, whatever the clocks say. */
export const versionOrder = (version: number): string => String(version).padStart(15, '0');

/** Kind of the due records of agents that are being made or deleted. */
export const AGENT_DUE = 'agent';

const dueData = z.object({ tenant: z.string(), project: z.string(), name: z.string() });

/** When the sweep must look whether the agent is there whole or not at all, in Unix seconds. */
export const agentDue = ({ scope, name, key }: AgentReference, at: number): DueRecord => ({
  at,
  kind: AGENT_DUE,
  id: key,
  data: { tenant: scope.tenant, project: scope.project, name },
});

/** The agent that a due record names. */
export function agentOfDue({ id, data }: DueRecord): AgentReference {
  const { tenant, project, name } = dueData.parse(data);
  return { scope: { tenant, project }, name, key: id };
}
