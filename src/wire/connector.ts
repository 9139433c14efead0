/**
 * Bodies as flows send them through the Azure AI Foundry connector, which declares attachments and tools by name alone
 * (foundry-agent-connector.md 2.3 and 2.4), and tools of responses by type alone (2.5). They are taken below `/api/projects` only.
 */
import { z } from 'zod';
import { requestedTool, toolResources } from './assistants';
import { createResponseRequest } from './responses';
import {
  attachment,
  createMessageRequest,
  createRunRequest,
  createThreadAndRunRequest,
  createThreadRequest,
} from './threads';

/** An attachment whose `name` is a file's id. A flow cannot say which tools get the file, so where it doesn't both do. */
const namedAttachment = z.preprocess((given) => {
  if (typeof given !== 'object' || given === null || 'file_id' in given || !('name' in given)) return given;
  const { name, ...others } = given;
  return { tools: [{ type: 'file_search' }, { type: 'code_interpreter' }], ...others, file_id: name };
}, attachment);

/** A tool of the run's assistant, by its type or the name of its function. */
const namedTool = z.strictObject({ type: z.undefined().optional(), name: z.string().min(1).max(64) });
export type NamedTool = z.infer<typeof namedTool>;

const tools = z
  .array(z.union([requestedTool, namedTool]))
  .max(20)
  .nullish();

/** `createMessageRequest` of a flow. */
export const flowMessageRequest = createMessageRequest.extend({
  attachments: z.array(namedAttachment).max(10_000).nullish(),
});

/** `createThreadRequest` of a flow. */
export const flowThreadRequest = createThreadRequest.extend({
  messages: z.array(flowMessageRequest).max(32).optional(),
});

/** `createRunRequest` of a flow, or of `@azure/ai-agents`, which may give a run resources of its own. */
export const flowRunRequest = createRunRequest.extend({
  tools,
  tool_resources: toolResources.nullish(),
  additional_messages: z.array(flowMessageRequest).max(32).nullish(),
});

/** `createThreadAndRunRequest` of a flow. */
export const flowThreadAndRunRequest = createThreadAndRunRequest.extend({
  tools,
  thread: flowThreadRequest.optional(),
});

/**
 * `createResponseRequest` of a flow. Beside an agent, tools that only tell a type are those of the agent: `agent_tools` has their types. It is no field of the
 * request, and dropped where one sends it.
 */
export const flowResponseRequest = z.preprocess(
  (given) => {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
    const types = 'tools' in given && namesAgent(given) ? typesAlone(given.tools) : undefined;
    return { ...given, agent_tools: types, ...(types && { tools: undefined }) };
  },
  createResponseRequest.extend({ agent_tools: z.array(z.string()).optional() }),
);

const namesAgent = (given: object): boolean =>
  ('agent' in given && given.agent != null) || ('agent_reference' in given && given.agent_reference != null);

/** Undefined where a tool tells more, or there is none. */
function typesAlone(tools: unknown): string[] | undefined {
  if (!Array.isArray(tools) || tools.length === 0) return undefined;
  const types = tools.flatMap((tool: unknown) =>
    isTyped(tool) && Object.keys(tool).length === 1 && tool.type.length <= 64 ? [tool.type] : [],
  );
  return types.length === tools.length ? types : undefined;
}

const isTyped = (tool: unknown): tool is { type: string } =>
  typeof tool === 'object' && tool !== null && 'type' in tool && typeof tool.type === 'string';
