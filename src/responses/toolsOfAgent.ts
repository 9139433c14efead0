/** Tools of an agent that a request tells by their types alone (foundry-agent-connector.md 2.5). Pure. */
import { errors } from '../errors';
import { responseTools, type ResponseTool } from '../wire/responseTools';

/**
 * The agent's tools of those types. Where its version leaves the tools open, those that are whole by their types alone. Throws 400 for a type that the agent has no
 * tool of.
 */
export function toolsOfTypes(
  agent: { name: string; settings: { tools?: ResponseTool[] | null } },
  types: readonly string[],
): ResponseTool[] {
  const { tools: own } = agent.settings;
  const whole = own ? undefined : responseTools.safeParse(types.map((type) => ({ type }))).data;
  if (whole) return whole;
  const there = new Set<string>(own?.map(({ type }) => type));
  const index = types.findIndex((type) => !there.has(type));
  if (index === -1) return (own ?? []).filter(({ type }) => types.includes(type));
  const param = `tools[${index}].type`;
  const names = [...there].join(', ') || 'none';
  throw errors.invalidParameter(
    `Invalid '${param}': the agent '${agent.name}' has no tool of the type '${types[index]}'. The types of its tools: ${names}.`,
    'invalid_value',
    param,
  );
}
