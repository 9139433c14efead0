/** A run as it begins: the request's settings over the assistant's. */
import { CODE_INTERPRETER } from '../agentLoop/serverTools';
import { errors } from '../errors';
import { newId } from '../storage/keys';
import type { AssistantObject, AssistantTool, StoredToolResources } from '../wire/assistants';
import type { CreateRunRequest, RunObject, ThreadObject, ToolChoice } from '../wire/threads';
import type { AssistantsPorts } from './ports';

type RunSettings = Omit<CreateRunRequest, 'additional_messages' | 'additional_instructions' | 'stream'>;

/**
 * Refuses a run that cannot be: 404 `DeploymentNotFound` for a model that nothing serves, 400 naming the field for settings that do not go together, and for
 * code_interpreter where the setting CODE_INTERPRETER is off.
 */
export function checkRunSupport(
  { chat, codeInterpreter }: Pick<AssistantsPorts, 'chat' | 'codeInterpreter'>,
  assistant: AssistantObject,
  body: RunSettings,
): void {
  const model = body.model ?? assistant.model;
  const tools = body.tools ?? assistant.tools;
  if (!chat.serves(model)) {
    throw errors.deploymentNotFound(
      model,
      "Set AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS to a service that has it, or use the built-in model 'local-extractive'.",
    );
  }
  if (!codeInterpreter && tools.some(({ type }) => type === CODE_INTERPRETER)) throw errors.codeInterpreterOff('tools');
  checkToolChoice(body.tool_choice, tools);
  checkTools(tools, body.response_format ?? assistant.response_format);
  if (body.truncation_strategy?.type === 'last_messages' && !body.truncation_strategy.last_messages) {
    throw errors.invalidParameter(
      "Missing required parameter: 'truncation_strategy.last_messages'.",
      'missing_required_parameter',
      'truncation_strategy.last_messages',
    );
  }
}

/** The name under which the model is offered the tool. */
export const nameOf = (tool: AssistantTool): string => (tool.type === 'function' ? tool.function.name : tool.type);

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

/** Refuses tools, of an assistant or a run, that do not go together: 400 for two of one name, and for `json_object` beside a tool of the server. */
export function checkTools(tools: AssistantTool[], format: RunObject['response_format']): void {
  const isJsonObject = format !== 'auto' && format.type === 'json_object';
  if (isJsonObject && tools.some(({ type }) => type !== 'function')) {
    const message =
      'Invalid tools: all tools must be of type `function` when `response_format` is of type `json_object`.';
    throw errors.invalidParameter(message, 'invalid_value', 'response_format');
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

/**
 * The run, queued. Absent settings are the assistant's; a thread's vector store comes before the assistant's. `ownResources` replace the assistant's.
 */
export function newRun(
  { now, runExpiresSeconds }: Pick<AssistantsPorts, 'now' | 'runExpiresSeconds'>,
  assistant: AssistantObject,
  thread: ThreadObject,
  body: RunSettings,
  ownResources?: StoredToolResources,
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
    tool_resources: joined(thread.tool_resources, ownResources ?? assistant.tool_resources),
    file_ids: assistant.file_ids ?? [],
    metadata: body.metadata ?? {},
    usage: null,
    temperature: body.temperature ?? assistant.temperature,
    top_p: body.top_p ?? assistant.top_p,
    max_prompt_tokens: body.max_prompt_tokens ?? null,
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

/** Thread and assistant may each bring a vector store and files: the run's tools see both. */
function joined(...sources: StoredToolResources[]): StoredToolResources {
  const stores = sources.flatMap(({ file_search }) => file_search?.vector_store_ids ?? []);
  const files = sources.flatMap(({ code_interpreter }) => code_interpreter?.file_ids ?? []);
  return {
    ...(sources.some((source) => source.code_interpreter) && { code_interpreter: { file_ids: [...new Set(files)] } }),
    ...(sources.some((source) => source.file_search) && { file_search: { vector_store_ids: [...new Set(stores)] } }),
  };
}
