/** Tools that a run's request only names (foundry-agent-connector.md 2.4). */
import { errors } from '../errors';
import type { AssistantObject, AssistantTool } from '../wire/assistants';
import type { NamedTool } from '../wire/connector';
import { nameOf } from './newRun';

/** The tools, with those of the assistant in place of names. Throws 400 for a name that is neither type nor function name of a tool that the assistant has. */
export function selectTools(assistant: AssistantObject, asked: (AssistantTool | NamedTool)[]): AssistantTool[] {
  return asked.map((tool, index) => {
    if (isWhole(tool)) return tool;
    const found = assistant.tools.find((own) => nameOf(own) === tool.name);
    if (found) return found;
    const names = assistant.tools.map(nameOf);
    const param = `tools[${index}].name`;
    throw errors.invalidParameter(
      `Invalid '${param}': the assistant '${assistant.id}' has no tool '${tool.name}'. Its tools are: ${names.join(', ') || 'none'}.`,
      'invalid_value',
      param,
    );
  });
}

/** Whether the tool is described, not only named. */
export const isWhole = (tool: AssistantTool | NamedTool): tool is AssistantTool => tool.type !== undefined;
