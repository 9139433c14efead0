/** A response as it begins: the request's settings over the agent's, checked. */
import { errors } from '../errors';
import { CODE_INTERPRETER } from '../agentLoop/serverTools';
import type { Scope } from '../scope';
import { isCallersTool, shownTool, type ResponseTool, type ResponseToolChoice } from '../wire/responseTools';
import type { CreateResponseRequest, ResponseObject } from '../wire/responses';
import { agentOf, shownAgent } from './agentReference';
import { useContainer } from './containerUse';
import type { ResponsesPorts } from './ports';
import { responseIdOf, type ResponseKey } from './responseIds';
import { toolsOfTypes } from './toolsOfAgent';

/** The request with what its agent decides. */
export interface Settings {
  body: CreateResponseRequest;
  model: string;
  tools: ResponseTool[];
  agent?: { name: string; version: string };
}

type Ports = Pick<ResponsesPorts, 'agents' | 'chat' | 'codeInterpreter' | 'vectorStores' | 'files' | 'records' | 'now'>;

/** What a request means below a project. */
export interface ProjectTerms {
  /** Foundry's connector always names a template. */
  takesAnyPrompt?: boolean;
  /** Types of the agent's tools that may be used; by default all of its tools may. */
  agentTools?: string[];
}

/** The settings, whole. Throws 400 and 404 for what cannot be. */
export async function settingsOf(
  ports: Ports,
  scope: Scope,
  asked: CreateResponseRequest,
  { takesAnyPrompt = false, agentTools }: ProjectTerms = {},
): Promise<Settings> {
  const agent = await agentOf(ports.agents, scope, asked);
  // The agent's version decides model, instructions and tools; what it leaves open is the request's.
  const tellsTypes = agent && agentTools;
  const body = { ...asked, ...agent?.settings, ...(tellsTypes && { tools: toolsOfTypes(agent, agentTools) }) };
  const model = body.model;
  if (!model) throw errors.missingParameter('model');
  if (!ports.chat.serves(model)) {
    throw errors.deploymentNotFound(
      model,
      "Set AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS to a service that has it, or use the built-in model 'local-extractive'.",
    );
  }
  const tools = body.tools ?? [];
  checkTogether(body, tools, takesAnyPrompt);
  await checkTools(ports, scope, tools);
  return { body, model, tools, ...(agent && { agent: { name: agent.name, version: agent.version } }) };
}

function checkTogether(body: CreateResponseRequest, tools: ResponseTool[], takesAnyPrompt: boolean): void {
  const refuse = (message: string, param: string) => errors.invalidParameter(message, 'invalid_value', param);
  if (body.previous_response_id && body.conversation) {
    throw errors.invalidParameter(
      "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Give one of them.",
      'mutually_exclusive_parameters',
      'previous_response_id',
    );
  }
  if (body.prompt?.id && !takesAnyPrompt) throw errors.noPrompt(body.prompt.id);
  if (body.stream_options && !body.stream)
    throw refuse("'stream_options' is only taken with 'stream': true.", 'stream_options');
  if (body.background && body.store === false)
    throw refuse("A response in the background must be stored: leave out 'store'.", 'store');
  if (body.top_logprobs && !wantsLogprobs(body))
    throw refuse("'top_logprobs' needs 'message.output_text.logprobs' in 'include'.", 'top_logprobs');
  checkToolChoice(body.tool_choice, tools);
  const names = tools.map((tool) =>
    isCallersTool(tool) ? tool.name : tool.type === 'mcp' ? tool.server_label : tool.type,
  );
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw refuse(`Invalid 'tools': more than one tool is named '${repeated}'.`, 'tools');
}

/** Whether the caller asks for the likelihoods of the answer's tokens. */
export const wantsLogprobs = ({ include }: Pick<CreateResponseRequest, 'include'>): boolean =>
  include?.includes('message.output_text.logprobs') ?? false;

/** A choice that forces a call must be one that the tools allow. */
function checkToolChoice(choice: ResponseToolChoice | null | undefined, tools: ResponseTool[]): void {
  if (!choice || choice === 'auto' || choice === 'none') return;
  const named = typeof choice === 'object' && choice.type === 'allowed_tools' ? choice.tools : [];
  const isEachThere = named.every((one) => tools.some((tool) => isNamed(tool, one)));
  if (isEachThere && wantedTools(choice, tools).length > 0) return;
  const message = "Invalid 'tool_choice': it asks for a tool that is not among 'tools'.";
  throw errors.invalidParameter(message, 'invalid_value', 'tool_choice');
}

/** The tools that a choice names. */
export function wantedTools(
  choice: Exclude<ResponseToolChoice, 'auto' | 'none'>,
  tools: ResponseTool[],
): ResponseTool[] {
  if (choice === 'required') return tools;
  if (choice.type === 'allowed_tools')
    return tools.filter((tool) => choice.tools.some((allowed) => isNamed(tool, allowed)));
  return tools.filter((tool) => isNamed(tool, choice));
}

function isNamed(tool: ResponseTool, wanted: { type: string; name?: unknown; server_label?: unknown }): boolean {
  if (tool.type !== wanted.type) return false;
  if (isCallersTool(tool)) return tool.name === wanted.name;
  return tool.type !== 'mcp' || tool.server_label === wanted.server_label;
}

async function checkTools(ports: Ports, scope: Scope, tools: ResponseTool[]): Promise<void> {
  for (const [index, tool] of tools.entries()) {
    const param = `tools[${index}]`;
    switch (tool.type) {
      case 'function':
      case 'custom':
      case 'mcp':
        break;
      case 'file_search':
        await ports.vectorStores.check(scope, tool.vector_store_ids, `${param}.vector_store_ids`);
        break;
      case CODE_INTERPRETER: {
        if (!ports.codeInterpreter) throw errors.codeInterpreterOff(param);
        if (typeof tool.container === 'string') await useContainer(ports, scope, tool.container, `${param}.container`);
        const missing = await ports.files.firstMissing(scope, codeFiles(tool));
        if (missing !== undefined) throw errors.noFile(missing, param);
        break;
      }
      default:
        throw errors.needsUpstreamResponses(param);
    }
  }
}

/** The files that code may read. */
export function codeFiles(tool: Extract<ResponseTool, { type: 'code_interpreter' }>): string[] {
  const inContainer = typeof tool.container === 'object' ? tool.container.file_ids : undefined;
  return inContainer ?? tool.file_ids ?? [];
}

/** The response before anything was done for it; `at` in Unix seconds. */
export function newResponse(
  { body, model, tools, agent }: Settings,
  key: ResponseKey,
  at: number,
  conversationId: string | null,
): ResponseObject {
  return {
    id: responseIdOf(key),
    object: 'response',
    created_at: at,
    completed_at: null,
    status: body.background ? 'queued' : 'in_progress',
    background: body.background ?? false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    model,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    conversation: conversationId === null ? null : { id: conversationId },
    ...(agent && shownAgent(agent)),
    prompt: body.prompt?.id ? { ...body.prompt, id: body.prompt.id } : null,
    reasoning: {
      effort: body.reasoning?.effort ?? null,
      summary: body.reasoning?.summary ?? body.reasoning?.generate_summary ?? null,
    },
    safety_identifier: body.safety_identifier ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    service_tier: body.service_tier ?? 'auto',
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    top_p: body.top_p ?? 1,
    top_logprobs: body.top_logprobs ?? 0,
    text: { format: body.text?.format ?? { type: 'text' }, verbosity: body.text?.verbosity ?? 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: tools.map((tool) => shownTool(wholeTool(tool))),
    truncation: body.truncation ?? 'disabled',
    usage: null,
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}

/** With the fields that answers always have; what is not asked to be strict, is not. */
function wholeTool(tool: ResponseTool): ResponseTool {
  if (tool.type === 'custom') return { ...tool, format: tool.format ?? { type: 'text' } };
  if (tool.type !== 'function') return tool;
  const { parameters, strict } = tool;
  return { ...tool, parameters: parameters ?? { type: 'object', properties: {} }, strict: strict ?? false };
}
