/** The agent that a request names, in one of the two places that there are for it. */
import { errors } from '../errors';
import type { AgentReference, CreateResponseRequest } from '../wire/responses';

/** Undefined where it names none. Throws 400 where it names two, and where it has inputs for none. */
export function agentReferenceOf({
  agent,
  agent_reference: other,
  structured_inputs: inputs,
}: Pick<CreateResponseRequest, 'agent' | 'agent_reference' | 'structured_inputs'>): AgentReference | undefined {
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
