/** Foundry's agents as responses name them. */
import type { Agents } from '../agents/agents';
import { errors } from '../errors';
import type { AgentResolver } from '../responses/ports';
import type { AgentDefinition } from '../wire/agents';

/** Resolves agents, the placeholders of their instructions, `{{name}}`, filled by the structured inputs of the request. */
export const responseAgents = (agents: Pick<Agents, 'resolve'>): AgentResolver => ({
  async resolve(scope, reference, inputs) {
    const { name, version, definition } = await agents.resolve(scope, {
      name: reference.name,
      ...(reference.version && { version: reference.version }),
    });
    const { structured_inputs: declared, instructions, model, tools, tool_choice, temperature, top_p } = definition;
    const { reasoning, text } = definition;
    const filled = instructions && fill(instructions, valuesOf(declared ?? {}, inputs ?? {}));
    const settings = { instructions: filled, model, tools, tool_choice, temperature, top_p, reasoning, text };
    return { name, version, settings };
  },
});

/** Throws 400 for a value that is required and missing, or that the agent does not know. */
function valuesOf(
  declared: NonNullable<AgentDefinition['structured_inputs']>,
  given: Record<string, unknown>,
): Record<string, unknown> {
  const unknown = Object.keys(given).find((name) => !(name in declared));
  if (unknown !== undefined) {
    const param = `structured_inputs.${unknown}`;
    throw errors.invalidParameter(
      `Unknown parameter: '${param}'. The agent has no such input.`,
      'unknown_parameter',
      param,
    );
  }
  return Object.fromEntries(
    Object.entries(declared).map(([name, { default_value, required }]) => {
      const value = given[name] ?? default_value;
      if (value === undefined && required) throw errors.missingParameter(`structured_inputs.${name}`);
      return [name, value ?? ''];
    }),
  );
}

const fill = (text: string, values: Record<string, unknown>): string =>
  text.replace(/\{\{\s*([\w.-]+)\s*\}\}/g, (whole, name: string) => {
    if (!Object.hasOwn(values, name)) return whole;
    const value = values[name];
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
