/** A run as it begins: the request's settings over the assistant's. */
import { errors } from '../errors';
import { newId } from '../storage/keys';
import type { AssistantObject, AssistantTool } from '../wire/assistants';
import type { CreateRunRequest, RunObject, ThreadObject, ToolChoice } from '../wire/threads';
import type { AssistantsPorts } from './ports';

/** The name under which models are offered the file_search tool. */
export const FILE_SEARCH = 'file_search';

type RunSettings = Omit<CreateRunRequest, 'additional_messages' | 'additional_instructions' | 'stream'>;

/**
 * Refuses what this version cannot do for the run: 404 `DeploymentNotFound` for a model that nothing serves, 400 `unsupported` naming the field otherwise.
 */
export function checkRunSupport(
  { chat }: Pick<AssistantsPorts, 'chat'>,
  assistant: AssistantObject,
  body: RunSettings,
): void {
  const model = body.model ?? assistant.model;
  const tools = body.tools ?? assistant.tools;
  if (!chat.serves(model)) {
    throw errors.deploymentNotFound(
      model,
      "Set AZURE_OPENAI_ENDPOINT or OPENAI_BASE_URL to a service that has it, or use the built-in model 'local-extractive'.",
    );
  }
  if (tools.some(({ type }) => type === 'code_interpreter'))
    throw errors.unsupported('tools', 'There is no code interpreter yet.');
  if (isChoice(body, 'code_interpreter')) throw errors.unsupported('tool_choice', 'There is no code interpreter yet.');
  checkToolChoice(body.tool_choice, tools);
  if (body.max_prompt_tokens) throw errors.unsupported('max_prompt_tokens');
  if (body.truncation_strategy?.type === 'last_messages' && !body.truncation_strategy.last_messages) {
    throw errors.invalidParameter(
      "Missing required parameter: 'truncation_strategy.last_messages'.",
      'missing_required_parameter',
      'truncation_strategy.last_messages',
    );
  }
  const names = tools.map(nameOf);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw errors.invalidParameter(
      `Invalid 'tools': more than one tool is named '${repeated}'.`,
      'invalid_value',
      'tools',
    );
  }
}

/** The name under which the model is offered the tool. */
const nameOf = (tool: AssistantTool): string => (tool.type === 'function' ? tool.function.name : tool.type);

/** A choice that forces a call must be one that the run's tools allow. */
function checkToolChoice(choice: ToolChoice | null | undefined, tools: AssistantTool[]): void {
  if (!choice || choice === 'auto' || choice === 'none') return;
  const wanted =
    typeof choice === 'string' ? undefined : choice.type === 'function' ? choice.function.name : choice.type;
  const possible = wanted === undefined ? tools.length > 0 : tools.some((tool) => nameOf(tool) === wanted);
  if (possible) return;
  const message = "Invalid 'tool_choice': it asks for a tool that the run does not have.";
  throw errors.invalidParameter(message, 'invalid_value', 'tool_choice');
}

const isChoice = (body: RunSettings, type: string): boolean =>
  typeof body.tool_choice === 'object' && body.tool_choice?.type === type;

/** The run, queued. Absent settings are the assistant's; a thread's vector store comes before the assistant's. */
export function newRun(
  { now, runExpiresSeconds }: Pick<AssistantsPorts, 'now' | 'runExpiresSeconds'>,
  assistant: AssistantObject,
  thread: ThreadObject,
  body: RunSettings,
): RunObject {
  const at = Math.floor(now() / 1000);
  const tools: AssistantTool[] = body.tools ?? assistant.tools;
  return {
    id: newId('run_'),
    object: 'thread.run',
    created_at: at,
    thread_id: thread.id,
    assistant_id: assistant.id,
    status: 'queued',
    required_action: null,
    last_error: null,
    expires_at: at + runExpiresSeconds,
    started_at: null,
    cancelled_at: null,
    failed_at: null,
    completed_at: null,
    incomplete_details: null,
    model: body.model ?? assistant.model,
    instructions: body.instructions ?? assistant.instructions,
    tools,
    tool_resources: { ...assistant.tool_resources, ...thread.tool_resources, ...searchable(assistant, thread) },
    file_ids: [],
    metadata: body.metadata ?? {},
    usage: null,
    temperature: body.temperature ?? assistant.temperature,
    top_p: body.top_p ?? assistant.top_p,
    max_prompt_tokens: null,
    max_completion_tokens: body.max_completion_tokens ?? null,
    truncation_strategy: {
      type: body.truncation_strategy?.type ?? 'auto',
      last_messages: body.truncation_strategy?.last_messages ?? null,
    },
    tool_choice: body.tool_choice ?? 'auto',
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    response_format: body.response_format ?? assistant.response_format,
    reasoning_effort: body.reasoning_effort ?? assistant.reasoning_effort ?? null,
  };
}

/** Thread and assistant may each bring a vector store: the run searches both. */
function searchable(assistant: AssistantObject, thread: ThreadObject) {
  const ids = [thread, assistant].flatMap(({ tool_resources }) => tool_resources.file_search?.vector_store_ids ?? []);
  return ids.length > 0 ? { file_search: { vector_store_ids: [...new Set(ids)] } } : {};
}
