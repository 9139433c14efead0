/**
 * Bodies that go to an upstream's Responses as they are: only what must be known here is checked, the rest is for the upstream to judge.
 */
import { z } from '@hono/zod-openapi';
import { createResponseRequest } from './responses';

const text = z.string().nullish();
const texts = z.array(z.string()).nullish();

/** An item of an input or a conversation. Without type and role it is a reference (`ItemReferenceParam`). */
const item = z.looseObject({ type: text, role: text, id: text, container_id: text });
const input = z.union([z.string(), z.array(item).max(10_000)]).nullish();

const tool = z.looseObject({
  type: z.string(),
  vector_store_ids: texts,
  file_ids: texts,
  container: z.union([z.string(), z.looseObject({ file_ids: texts })]).nullish(),
});

/** `CreateResponse`, as the upstream has it; also of `POST /responses/input_tokens` and `/responses/compact`. */
export const upstreamResponseRequest = z.looseObject({
  model: createResponseRequest.shape.model,
  input,
  previous_response_id: text,
  conversation: z.union([z.string(), z.looseObject({ id: z.string() })]).nullish(),
  tools: z.array(tool).nullish(),
  agent: createResponseRequest.shape.agent,
  agent_reference: createResponseRequest.shape.agent_reference,
  structured_inputs: createResponseRequest.shape.structured_inputs,
  prompt: z.looseObject({ id: text }).nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
});
export type UpstreamResponseRequest = z.output<typeof upstreamResponseRequest>;

/** A new conversation, or new items of one. */
export const upstreamItemsRequest = z.looseObject({ items: z.array(item).max(10_000).nullish() });

export type UpstreamItem = z.output<typeof item>;
export type UpstreamTool = z.output<typeof tool>;

/** An answer whose fields are the upstream's. */
export const upstreamAnswer = z.looseObject({});

/** `CreateContainerBody`, of which the upstream checks the rest. */
export const upstreamContainerRequest = z.looseObject({ file_ids: texts });

/** `CreateContainerFileBody` as JSON. */
export const upstreamContainerFile = z.looseObject({ file_id: text });
