/** The agent that a request names, in one of the two places that there are for it. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { AgentReference, CreateResponseRequest } from '../wire/responses';
import type { AgentResolver, AgentSettings } from './ports';

type NamesAgent = Pick<CreateResponseRequest, 'agent' | 'agent_reference' | 'structured_inputs'>;

/** The agent that the request names, with what it decides and nothing else; undefined where it names none. Throws 400 and 404. */
export async function agentOf(
  agents: AgentResolver,
  scope: Scope,
  asked: NamesAgent,
): Promise<{ name: string; version: string; settings: AgentSettings } | undefined> {
  const reference = referenceOf(asked);
  if (!reference) return undefined;
  const agent = await agents.resolve(scope, reference, asked.structured_inputs ?? undefined);
  return {
    ...agent,
    settings: Object.fromEntries(Object.entries(agent.settings).filter(([, value]) => value != null)),
  };
}

/** Undefined where it names none. Throws 400 where it names two, and where it has inputs for none. */
function referenceOf({
  agent,
  agent_reference: other,
  structured_inputs: inputs,
}: NamesAgent): AgentReference | undefined {
  if (agent && other && (agent.name !== other.name || agent.version !== other.version)) {
    throw errors.invalidParameter(
      "'agent' and 'agent_reference' name different agents. Give one of them.",
      'mutually_exclusive_parameters',
      'agent_reference',
    );
  }
  const reference = agent ?? other ?? undefined;
  if (!reference && inputs && Object.keys(inputs).length > 0) {
    throw errors.invalidParameter(
      "'structured_inputs' are for an agent: name one in 'agent'.",
      'invalid_value',
      'structured_inputs',
    );
  }
  return reference;
}

/** The agent as its answers name it: as Foundry's connector reads it, and as its SDK does. */
export const shownAgent = (agent: { name: string; version: string }) => ({
  agent: { type: 'agent_id' as const, ...agent },
  agent_reference: { type: 'agent_reference' as const, ...agent },
});
