/** What the model of a response is asked next: what was said, what the response did so far, and what may still be called. */
import { toolGuidance } from '../agentLoop/serverTools';
import { truncated, windowRoom, type PromptParts } from '../agentLoop/truncation';
import type { ChatMessage, ChatRequest } from '../models/ports';
import type { OutputItem } from '../wire/responseItems';
import type { ResponseTool } from '../wire/responseTools';
import type { ResponseObject } from '../wire/responses';
import { chatMessages, searchMessages, type FilesOfCalls, type PartReader } from './chatItems';
import { sampling } from './chatSampling';
import type { Settings } from './newResponse';
import { mcpPrefix, type OfferedTool } from './offeredTools';
import { toolFields } from './toolFields';

/** What a request is made of. */
export interface ModelRequestParts {
  settings: Settings;
  response: ResponseObject;
  /** What was said before the response's output. */
  history: ChatMessage[];
  /** The output but for what was broken off. */
  output: OutputItem[];
  /** What code of the output wrote. */
  files: FilesOfCalls;
  parts: PartReader;
  /** What may still be called. */
  tools: OfferedTool[];
  /** The model's context window, in tokens. */
  window: number;
}

export async function modelRequest({
  settings,
  response,
  history,
  output,
  files,
  parts,
  tools,
  window,
}: ModelRequestParts): Promise<ChatRequest> {
  const { model } = settings;
  const used = response.usage?.output_tokens ?? 0;
  const left = response.max_output_tokens === null ? undefined : Math.max(1, response.max_output_tokens - used);
  const guidance = [...toolGuidance(settings.tools.map(({ type }) => type)), ...serverGuidance(settings.tools)];
  const instructions = [response.instructions, ...guidance].filter(Boolean).join('\n\n');
  const whole: PromptParts = {
    model,
    instructions: instructions ? [{ role: 'system', content: instructions }] : [],
    history,
    steps: await outputMessages(output, parts, files),
    tools: tools.map(({ chat }) => chat),
  };
  const hasCalled = output.some(({ type }) => type.endsWith('_call'));
  const isCut = response.truncation === 'auto';
  const prompt = isCut ? ((await truncated(whole, { window: windowRoom(window, left) })) ?? whole) : whole;
  return {
    model,
    messages: [...prompt.instructions, ...prompt.history, ...prompt.steps],
    ...toolFields(tools, response, settings.tools, hasCalled),
    ...sampling(settings),
    ...(left !== undefined && { max_completion_tokens: left }),
  };
}

/** What the model is told of MCP servers that their caller describes. */
const serverGuidance = (tools: ResponseTool[]): string[] =>
  tools.flatMap((tool) =>
    tool.type === 'mcp' && tool.server_description
      ? [
          `The tools whose names begin with '${mcpPrefix(tool.server_label)}' are of this server: ${tool.server_description}`,
        ]
      : [],
  );

/** What the response did so far, as the model reads it. */
async function outputMessages(output: OutputItem[], parts: PartReader, files: FilesOfCalls): Promise<ChatMessage[]> {
  let search = 0;
  const messages: ChatMessage[] = [];
  for (const item of output) {
    if (item.type === 'file_search_call') messages.push(...searchMessages(item, search++));
    else messages.push(...(await chatMessages([item], parts, files)));
  }
  return messages;
}
