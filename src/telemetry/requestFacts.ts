/** What a call asks for, by the GenAI semantic conventions. */
import type { Attributes } from '@opentelemetry/api';
import type { GatewayRequest } from '../models/gateway';

/** Longer bodies are not parsed: most of them is pictures and sounds. */
const MAX_PARSED_BYTES = 256 * 1024;

/** Where the conventions have no name, the operation's own. */
const operationNames: Record<string, string> = {
  'chat/completions': 'chat',
  completions: 'text_completion',
  embeddings: 'embeddings',
  'audio/speech': 'speech',
  'audio/transcriptions': 'transcription',
  'audio/translations': 'translation',
  'images/generations': 'image_generation',
  'images/edits': 'image_edit',
  'images/variations': 'image_variation',
  moderations: 'moderation',
  responses: 'chat',
};

/** `gen_ai.operation.name` of a call. */
export const operationName = ({ operation }: GatewayRequest): string =>
  // Those of objects name the object.
  operationNames[operation] ??
  /^(?:fine_tuning|responses|conversations)(?=\/)/.exec(operation)?.[0] ??
  operation.replaceAll('/', '_');

const numbers: Record<string, string> = {
  max_tokens: 'gen_ai.request.max_tokens',
  max_completion_tokens: 'gen_ai.request.max_tokens',
  max_output_tokens: 'gen_ai.request.max_tokens',
  temperature: 'gen_ai.request.temperature',
  top_p: 'gen_ai.request.top_p',
  frequency_penalty: 'gen_ai.request.frequency_penalty',
  presence_penalty: 'gen_ai.request.presence_penalty',
  seed: 'gen_ai.request.seed',
  dimensions: 'gen_ai.embeddings.dimension.count',
};

/** The JSON body, where it is short enough; undefined for anything else. */
export function parsedBody({ body }: GatewayRequest): Record<string, unknown> | undefined {
  if (body?.kind !== 'json' || body.bytes.length > MAX_PARSED_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse(
      Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.length).toString('utf8'),
    );
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // The service will say so to the caller.
    return undefined;
  }
}

/** Attributes of the request's parameters. */
export function requestAttributes(operation: string, body: Record<string, unknown> | undefined): Attributes {
  const attributes: Attributes = {};
  const outputType = outputTypeOf(operation, body);
  if (outputType) attributes['gen_ai.output.type'] = outputType;
  if (!body) return attributes;
  for (const [name, attribute] of Object.entries(numbers)) {
    const value = body[name];
    if (typeof value === 'number') attributes[attribute] = value;
  }
  if (body.stream === true) attributes['gen_ai.request.stream'] = true;
  if (typeof body.n === 'number' && body.n !== 1) attributes['gen_ai.request.choice.count'] = body.n;
  const stops = typeof body.stop === 'string' ? [body.stop] : body.stop;
  if (Array.isArray(stops)) attributes['gen_ai.request.stop_sequences'] = stops.map(String);
  if (operation === 'embeddings' && typeof body.encoding_format === 'string')
    attributes['gen_ai.request.encoding_formats'] = [body.encoding_format];
  return attributes;
}

function outputTypeOf(operation: string, body: Record<string, unknown> | undefined): string | undefined {
  if (operation === 'audio/speech') return 'speech';
  if (operation.startsWith('images/')) return 'image';
  const format = body?.response_format;
  const type: unknown = typeof format === 'object' && format !== null && 'type' in format ? format.type : undefined;
  if (type === 'json_object' || type === 'json_schema') return 'json';
  return type === 'text' ? 'text' : undefined;
}
