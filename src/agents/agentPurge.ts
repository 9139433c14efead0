/**
 * Agents are made and deleted in more than one write: an entry in the list of the scope, and the agent's own partition. A due record sees to it that
 * after a crash on the way either both are there or nothing is.
 */
import { listedDeletion } from '../storage/deletedPlaces';
import { ConflictError, type Change, type DueRecord, type Records } from '../storage/ports';
import {
  AGENT,
  agentKey,
  agentOfDue,
  agentPartition,
  AGENTS,
  agentsPartition,
  entryKey,
  type AgentEntry,
  type AgentReference,
} from './agentRecords';

/** Removes whatever there is of an agent: its record, its versions, and its entry unless the name is another's by now. The entry's place is kept where `now`, in milliseconds, is given. Safe to repeat. */
export async function purgeAgent(records: Records, reference: AgentReference, now?: number): Promise<void> {
  const { scope, name, key } = reference;
  // First: from then on nobody can add a version.
  await records.write(agentPartition(reference), [{ op: 'delete', list: AGENT, id: AGENT }]);
  await records.deletePartition(agentPartition(reference));
  const entry = await records.get<AgentEntry>(entryKey(scope, name));
  if (entry?.value.key !== key) return;
  try {
    const kept = now === undefined ? undefined : await listedDeletion(records, entryKey(scope, name), entry, now);
    const removal: Change = { op: 'delete', list: AGENTS, id: name, ifMatch: entry.etag };
    await records.write(agentsPartition(scope), kept?.changes ?? [removal], { add: kept && [kept.due] });
  } catch (error) {
    // Whoever changed the entry has removed it, or given the name to a new agent.
    if (!(error instanceof ConflictError)) throw error;
  }
}

/** What the sweep does with the due records of agents. */
export async function sweepAgent(records: Records, due: DueRecord): Promise<void> {
  const reference = agentOfDue(due);
  const entry = await records.get<AgentEntry>(entryKey(reference.scope, reference.name));
  const isThere = entry?.value.key === reference.key && (await records.get(agentKey(reference))) !== undefined;
  if (!isThere) await purgeAgent(records, reference);
  await records.writeDue({ remove: [due] });
}
