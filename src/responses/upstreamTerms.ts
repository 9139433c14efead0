/** What a request says in terms that an upstream does not know, put in its own. */
import type { Scope } from '../scope';
import { COMPUTER_USE, computerUseSpellings } from '../wire/responseTools';
import type { UpstreamResponseRequest, UpstreamTool } from '../wire/upstreamResponses';
import { agentOf } from './agentReference';
import type { AgentResolver } from './ports';

/** What is settled here of a request. */
export interface Settled {
  /** Undefined where the request goes on as it came. */
  changed?: UpstreamResponseRequest;
  /** Who answers, where the request names an agent. */
  agent?: { name: string; version: string };
}

/**
 * The request with its agent's settings in place of the agent, with the one spelling of computer use that services take, and without an empty template, which Foundry's
 * connector names always. Where there is nothing of the kind it goes on byte for byte. Throws 400 and 404 for the agent.
 */
export async function settledHere(
  agents: AgentResolver,
  scope: Scope,
  asked: UpstreamResponseRequest,
): Promise<Settled> {
  let settled = asked;
  const named = await agentOf(agents, scope, asked);
  if (named) {
    const { tools } = named.settings;
    const inItsPlace = { agent: undefined, agent_reference: undefined, structured_inputs: undefined };
    settled = { ...asked, ...inItsPlace, ...named.settings, ...(tools && { tools: tools.map(withContainer) }) };
  }
  if (settled.prompt && !settled.prompt.id) settled = { ...settled, prompt: undefined };
  const { tools, tool_choice: choice } = settled;
  if (tools?.some(isMisspelt)) settled = { ...settled, tools: tools.map(inOneSpelling) };
  if (isTyped(choice) && isMisspelt(choice)) settled = { ...settled, tool_choice: inOneSpelling(choice) };
  return {
    ...(settled !== asked && { changed: settled }),
    ...(named && { agent: { name: named.name, version: named.version } }),
  };
}

interface Typed {
  type: string;
}

const isTyped = (value: unknown): value is Typed =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
const isMisspelt = ({ type }: Typed): boolean =>
  type !== COMPUTER_USE && computerUseSpellings.options.some((spelling) => spelling === type);
const inOneSpelling = <T extends Typed>(tool: T): T => (isMisspelt(tool) ? { ...tool, type: COMPUTER_USE } : tool);

/** Agents may leave out where code runs, services ask for it. */
const withContainer = (tool: UpstreamTool): UpstreamTool =>
  tool.type === 'code_interpreter' && tool.container === undefined ? { ...tool, container: { type: 'auto' } } : tool;
