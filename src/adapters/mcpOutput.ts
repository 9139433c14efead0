/** The answer of an MCP tool as the text that a model reads. */
import type { CallToolResult, ContentBlock } from '@modelcontextprotocol/client';
import type { McpToolResult } from '../responses/mcpPort';

/** Text is joined by lines; structured content stands in where there is no text. Longer than `maxBytes` of UTF-8 is cut, with a note. */
export function toolResult(result: CallToolResult, maxBytes: number): McpToolResult {
  const hasText = result.content.some((block) => block.type === 'text');
  const parts =
    !hasText && result.structuredContent !== undefined
      ? [JSON.stringify(result.structuredContent), ...result.content.map(described)]
      : result.content.map(described);
  const text = cut(parts.join('\n'), maxBytes);
  return result.isError
    ? { output: '', error: text || 'The tool failed and did not say why.' }
    : { output: text, error: null };
}

/** Links and texts as JSON; of binary content only what it is, since models read it as tokens. */
function described(block: ContentBlock): string {
  if (block.type === 'text') return block.text;
  if (block.type === 'image' || block.type === 'audio')
    return JSON.stringify({ type: block.type, mimeType: block.mimeType, bytes: decodedBytes(block.data) });
  if (block.type === 'resource' && 'blob' in block.resource) {
    const { uri, mimeType, blob } = block.resource;
    return JSON.stringify({ type: block.type, resource: { uri, mimeType, bytes: decodedBytes(blob) } });
  }
  return JSON.stringify(block);
}

const decodedBytes = (base64: string): number => Buffer.byteLength(base64, 'base64');

function cut(text: string, maxBytes: number): string {
  const length = Buffer.byteLength(text);
  if (length <= maxBytes) return text;
  // As a stream, a character that the end cuts is left out.
  const start = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.from(text).subarray(0, maxBytes), {
    stream: true,
  });
  return `${start}\n[Cut: the output is ${length} bytes long, and these are the first ${maxBytes}.]`;
}
