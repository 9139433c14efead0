/** Agents as answers show them. */
import type { AgentObject, AgentVersionObject } from '../wire/agents';
import { shownTool } from '../wire/responseTools';
import type { VersionRecord } from './agentRecords';

/** The version without the secrets of its tools. */
export function shownVersion(version: VersionRecord): AgentVersionObject {
  const { tools } = version.definition;
  return tools ? { ...version, definition: { ...version.definition, tools: tools.map(shownTool) } } : version;
}

/** The agent whose latest version this is, as shown. */
export const shownAgent = (latest: AgentVersionObject): AgentObject => ({
  object: 'agent',
  id: latest.name,
  name: latest.name,
  state: 'enabled',
  versions: { latest },
  description: latest.description,
  version: latest.version,
  createdAt: new Date(latest.created_at * 1000).toISOString(),
});
