/** Items of a conversation as a chat model reads them. */
import { checkImage, imageReader } from '../agentLoop/imageFiles';
import { codeOutput, searchOutput, withMarkers, type WrittenFile } from '../agentLoop/toolOutputs';
import { withoutMarkers } from '../agentLoop/citations';
import { CODE_INTERPRETER, FILE_SEARCH } from '../agentLoop/serverTools';
import type { ChatMessage, ImagePart, TextPart, ToolCall } from '../models/ports';
import { ApiError, errors } from '../errors';
import type { Scope } from '../scope';
import type { FileSearchCall, InputPart, ResponseItem } from '../wire/responseItems';
import { isCallOfOutput, isCallOutput } from './callKinds';
import { mcpName } from './offeredTools';
import type { ResponsesPorts } from './ports';
import { isIncomplete } from './toldItems';

type Ports = Pick<ResponsesPorts, 'files' | 'inputFiles'>;

/** The files that code wrote, by the id of its call. */
export type FilesOfCalls = Record<string, WrittenFile[]>;

/** What reads the parts of messages. */
export interface PartReader {
  image(id: string): Promise<{ url: string } | { note: string }>;
  file(part: Extract<InputPart, { type: 'input_file' }>): Promise<{ filename: string; text: string }>;
}

/**
 * Reads images and files of the scope for one response. What was there when it was sent in and is not any more is a line for the model that says so: a
 * conversation goes on without it.
 */
export function partReader({ files, inputFiles }: Ports, scope: Scope, signal?: AbortSignal): PartReader {
  return {
    image: imageReader(files, scope),
    file: async (part) =>
      inputFiles.read(scope, part, 'input', signal).catch((error: unknown) => {
        if (!(error instanceof ApiError) || error.status >= 500) throw error;
        const filename = part.filename ?? part.file_id ?? part.file_url ?? 'file';
        return { filename, text: '[This file cannot be read any more.]' };
      }),
  };
}

/** Throws 400 and 404, naming the place in `input`, for images and files that cannot be read. */
export async function checkParts(
  { files, inputFiles }: Ports,
  scope: Scope,
  items: ResponseItem[],
  signal?: AbortSignal,
): Promise<void> {
  for (const [index, item] of items.entries())
    for (const [part, place] of partsOf(item)) {
      const param = `input[${index}].${place}`;
      if (part.type === 'input_file') await inputFiles.read(scope, part, param, signal);
      if (part.type === 'input_image' && part.file_id) await checkImage(files, scope, part.file_id, `${param}.file_id`);
      if (part.type === 'input_image' && part.image_url) checkImageUrl(part.image_url, `${param}.image_url`);
    }
}

function partsOf(item: ResponseItem): [part: InputPart, place: string][] {
  if (item.type === 'message' && item.role !== 'assistant')
    return item.content.map((part, index) => [part, `content[${index}]`]);
  if (isCallOutput(item) && typeof item.output !== 'string')
    return item.output.map((part, index) => [part, `output[${index}]`]);
  return [];
}

/** The model service fetches what is no `data:` URL. */
function checkImageUrl(url: string, param: string): void {
  if (/^https?:\/\/[^/]/i.test(url) || /^data:image\/[\w.+-]+;base64,[A-Za-z0-9+/_=-]+$/i.test(url)) return;
  const message = `Invalid '${param}': it is neither an http(s) URL nor an image as 'data:image/…;base64,…'.`;
  throw errors.invalidParameter(message, 'invalid_value', param);
}

/**
 * The messages of items, oldest first. Calls and their outputs stand together, as chat completions want it: what has no output yet is left out, and so is what
 * models cannot be told (reasoning, lists of tools).
 */
export async function chatMessages(
  items: ResponseItem[],
  parts: PartReader,
  files: FilesOfCalls = {},
): Promise<ChatMessage[]> {
  const messages: ChatMessage[] = [];
  let calls: { call: ToolCall; output: CallOutput['output'] }[] = [];
  const outputOf = outputsInTurn(items);
  const flush = async (): Promise<void> => {
    if (calls.length === 0) return;
    messages.push({ role: 'assistant', content: null, tool_calls: calls.map(({ call }) => call) });
    const pictures: (TextPart | ImagePart)[] = [];
    for (const { call, output } of calls) {
      const read = typeof output === 'string' ? [textPart(output)] : await readParts(output, parts);
      messages.push({ role: 'tool', tool_call_id: call.id, content: textIn(read) });
      pictures.push(...read.filter(({ type }) => type === 'image_url'));
    }
    // Tools answer models in text only.
    if (pictures.length > 0) messages.push({ role: 'user', content: pictures });
    calls = [];
  };
  for (const item of items) {
    if ('status' in item && isIncomplete(item)) continue;
    if (isCallOfOutput(item)) {
      const found = outputOf(item.call_id);
      if (!found) continue;
      // The next turn of some local servers calls by the same ids again.
      if (calls.some(({ call }) => call.id === item.call_id)) await flush();
      calls.push({ call: chatCall(item), output: found.output });
      continue;
    }
    await flush();
    messages.push(...(await messagesOf(item, parts, items, files)));
  }
  await flush();
  return messages;
}

type CallersCall = Extract<ResponseItem, { type: 'function_call' | 'custom_tool_call' }>;
type CallOutput = Extract<ResponseItem, { type: 'function_call_output' | 'custom_tool_call_output' }>;

function chatCall(item: CallersCall): ToolCall {
  const { call_id: id, name } = item;
  return item.type === 'function_call'
    ? { id, type: 'function', function: { name, arguments: item.arguments } }
    : { id, type: 'custom', custom: { name, input: item.input } };
}

/** Gives the outputs of a call's id one after the other: the first call with that id has the first. */
function outputsInTurn(items: ResponseItem[]): (callId: string) => CallOutput | undefined {
  const outputs = new Map<string, CallOutput[]>();
  for (const item of items)
    if (isCallOutput(item)) outputs.set(item.call_id, [...(outputs.get(item.call_id) ?? []), item]);
  return (callId) => outputs.get(callId)?.shift();
}

async function messagesOf(
  item: Exclude<ResponseItem, CallersCall>,
  parts: PartReader,
  items: ResponseItem[],
  files: FilesOfCalls,
): Promise<ChatMessage[]> {
  switch (item.type) {
    case 'message':
      return messageOf(item, parts);
    case 'code_interpreter_call':
      return item.code === null || item.outputs === null
        ? []
        : calledTool(
            item.id,
            CODE_INTERPRETER,
            JSON.stringify({ code: item.code }),
            codeText(item.outputs, files[item.id] ?? []),
          );
    case 'mcp_call':
      return calledTool(item.id, mcpName(item.server_label, item.name), item.arguments, mcpText(item));
    case 'mcp_approval_response': {
      const asked = items.find(
        (other) => other.type === 'mcp_approval_request' && other.id === item.approval_request_id,
      );
      if (item.approve || asked?.type !== 'mcp_approval_request') return [];
      const answer = `The user did not approve this call.${item.reason ? ` Reason: ${item.reason}` : ''}`;
      return calledTool(asked.id, mcpName(asked.server_label, asked.name), asked.arguments, answer);
    }
    // The passages were for the answer that follows; later answers search anew.
    case 'file_search_call':
    case 'function_call_output':
    case 'custom_tool_call_output':
    case 'mcp_list_tools':
    case 'mcp_approval_request':
    case 'reasoning':
    case 'web_search_call':
      return [];
  }
}

async function messageOf(item: Extract<ResponseItem, { type: 'message' }>, parts: PartReader): Promise<ChatMessage[]> {
  if (item.role === 'assistant') {
    const text = item.content.map((part) => (part.type === 'refusal' ? part.refusal : part.text)).join('\n');
    return text ? [{ role: 'assistant', content: withoutMarkers(text) }] : [];
  }
  const read = await readParts(item.content, parts);
  if (item.role !== 'user') return [{ role: 'system', content: textIn(read) }];
  return [{ role: 'user', content: read.some(({ type }) => type === 'image_url') ? read : textIn(read) }];
}

async function readParts(content: InputPart[], parts: PartReader): Promise<(TextPart | ImagePart)[]> {
  const read: (TextPart | ImagePart)[] = [];
  for (const part of content) read.push(await readPart(part, parts));
  return read;
}

async function readPart(part: InputPart, parts: PartReader): Promise<TextPart | ImagePart> {
  if (part.type === 'input_text') return textPart(part.text);
  if (part.type === 'input_file') {
    const { filename, text } = await parts.file(part);
    return textPart(`[File ${filename}]\n${text}\n[End of ${filename}]`);
  }
  const { image_url: url, file_id: id } = part;
  const found = url ? { url } : await parts.image(id ?? '');
  if ('note' in found) return textPart(found.note);
  const detail = part.detail === 'original' ? 'high' : part.detail;
  return { type: 'image_url', image_url: { url: found.url, detail } };
}

const textPart = (text: string): TextPart => ({ type: 'text', text });
const textIn = (parts: (TextPart | ImagePart)[]): string =>
  parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');

/** A call that the model made of a tool of the server, with what it was told. */
const calledTool = (id: string, name: string, given: string, answer: string): ChatMessage[] => [
  { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name, arguments: given } }] },
  { role: 'tool', tool_call_id: id, content: answer },
];

/** A search of the response that is being answered, its number `search` from 0. */
export const searchMessages = (call: FileSearchCall, search: number): ChatMessage[] =>
  calledTool(
    call.id,
    FILE_SEARCH,
    JSON.stringify({ queries: call.queries }),
    searchOutput(markedPassages(call, search)),
  );

/** The passages that a search brought, by the markers that the model copies. */
export const markedPassages = ({ results }: FileSearchCall, search: number) =>
  withMarkers(
    (results ?? []).map(({ file_id, filename, score, text, attributes }) => ({
      fileId: file_id,
      filename,
      score,
      text,
      attributes: attributes ?? {},
    })),
    search,
  );

type CodeOutputs = Extract<ResponseItem, { type: 'code_interpreter_call' }>['outputs'];

/** What the model is told of code that ran; `files` are those that it wrote. */
const codeText = (outputs: CodeOutputs, files: WrittenFile[]): string =>
  codeOutput({
    logs: (outputs ?? []).flatMap((output) => (output.type === 'logs' ? [output.logs] : [])),
    imageIds: (outputs ?? []).flatMap((output) => (output.type === 'image' ? [output.url] : [])),
    files,
  });

/** What the model is told of a call of an MCP server's tool. */
function mcpText({ output, error }: Extract<ResponseItem, { type: 'mcp_call' }>): string {
  if (error) return `The call failed: ${typeof error === 'string' ? error : JSON.stringify(error)}`;
  return output ?? '';
}
