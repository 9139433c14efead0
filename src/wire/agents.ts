/** Foundry's agents by name and version, as `@azure/ai-projects` 2 sends and reads them. */
import { z } from '@hono/zod-openapi';
import { metadata, pageQuery, storedMetadata, timestamp } from './common';
import { responseReasoning, responseText } from './responseSettings';
import { responseToolChoice, responseTools } from './responseTools';
import { unsupported, unsupportedField } from './unsupported';

/** Foundry's rule: alphanumeric at both ends, hyphens between, at most 63. */
export const agentName = z
  .string()
  .regex(
    /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/,
    'must start and end with alphanumeric characters, can contain hyphens in the middle and must not exceed 63 characters',
  );

/** Of an agent in a path that makes a version. The service has operations behind a colon there. */
export const agentPathName = z
  .string()
  .refine(
    (name) => !name.includes(':'),
    unsupported("Of the operations behind a colon, such as ':disable', there is none."),
  )
  .pipe(agentName);

/** `StructuredInputDefinition`: a value that a caller gives with each call, for templates in the instructions. */
const structuredInput = z.strictObject({
  description: z.string().nullish(),
  default_value: z.unknown().optional(),
  schema: z.record(z.string(), z.unknown()).nullish(),
  required: z.boolean().nullish(),
});

const promptFields = {
  model: z.string().min(1).max(256),
  instructions: z.string().max(256_000).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  reasoning: responseReasoning.nullish(),
  tools: responseTools.nullish(),
  tool_choice: responseToolChoice.nullish(),
  text: responseText.nullish(),
  structured_inputs: z.record(z.string().min(1).max(128), structuredInput).nullish(),
};

/** `PromptAgentDefinition`: the model, what it is told, and its tools. */
const storedDefinition = z.object({ kind: z.literal('prompt'), ...promptFields });
export type AgentDefinition = z.infer<typeof storedDefinition>;

/** A definition as it is asked for. The kind comes first: what another kind has beside it does not matter. */
const agentDefinition = z.strictObject({
  kind: z
    .string()
    .refine(
      (kind) => kind === 'prompt',
      unsupported("Agents of the kind 'prompt' run here: a model with instructions and tools."),
    )
    .transform(() => 'prompt' as const),
  ...promptFields,
  rai_config: unsupportedField('Content filters are those of the model service.'),
  harness: unsupportedField('Agents run in the loop of responses.'),
  skills: unsupportedField('Write what the agent can do into its instructions.'),
});

const versionFields = {
  description: z.string().max(512).nullish(),
  metadata: metadata.nullish(),
  definition: agentDefinition,
  blueprint_reference: unsupportedField('Agents have no identities of their own.'),
  digital_worker_type: unsupportedField('Agents have no identities of their own.'),
};
const notDraft = z
  .boolean()
  .refine((isDraft) => !isDraft, unsupported('Every version is a release.'))
  .nullish();

/** Body of a new version. */
export const createAgentVersionRequest = z
  .strictObject({ ...versionFields, draft: notDraft })
  .meta({ id: 'CreateAgentVersionRequest' });
export type CreateAgentVersionRequest = Pick<
  z.infer<typeof createAgentVersionRequest>,
  'description' | 'metadata' | 'definition'
>;

/** Body of an update. */
export const updateAgentRequest = z.strictObject(versionFields).meta({ id: 'UpdateAgentRequest' });

/** Body of a new agent. */
export const createAgentRequest = z
  .strictObject({
    name: agentName,
    ...versionFields,
    draft: notDraft,
    state: z
      .enum(['enabled', 'disabled'])
      .refine((state) => state === 'enabled', unsupported('Delete an agent that nobody is to use.'))
      .nullish(),
    agent_endpoint: unsupportedField('Agents are served at the paths that the documentation lists.'),
    agent_card: unsupportedField('Agents are served by responses alone.'),
  })
  .meta({ id: 'CreateAgentRequest' });

/** `AgentVersion`; immutable. */
export const agentVersionObject = z
  .object({
    object: z.literal('agent.version'),
    /** `{name}:{version}` */
    id: z.string(),
    name: z.string(),
    /** A number counted from 1. */
    version: z.string(),
    description: z.string(),
    metadata: storedMetadata,
    created_at: timestamp,
    definition: storedDefinition,
    draft: z.literal(false),
    status: z.literal('active'),
  })
  .meta({ id: 'AgentVersion' });
export type AgentVersionObject = z.infer<typeof agentVersionObject>;

/** `Agent`. The last three are what the connector's `ListAgentsFromService` reads; they are of the latest version. */
export const agentObject = z
  .object({
    object: z.literal('agent'),
    /** The name. */
    id: z.string(),
    name: z.string(),
    state: z.literal('enabled'),
    versions: z.object({ latest: agentVersionObject }),
    description: z.string(),
    version: z.string(),
    /** ISO 8601. */
    createdAt: z.string(),
  })
  .meta({ id: 'Agent' });
export type AgentObject = z.infer<typeof agentObject>;

const flag = z.enum(['true', 'false']);

/** Every kind of the service may be asked for; the agents here are of the kind `prompt`. */
export const listAgentsQuery = pageQuery.extend({
  kind: z.enum(['prompt', 'hosted', 'container_app', 'workflow', 'external', 'voice']).optional(),
});

/** There are no drafts that `include_drafts` could add. */
export const listAgentVersionsQuery = pageQuery.extend({ include_drafts: flag.optional() });

/** `force` concerns the sessions of hosted agents, which are not here. */
export const deleteAgentQuery = z.object({ force: flag.optional() });

export const deletedAgent = z.object({
  object: z.literal('agent.deleted'),
  name: z.string(),
  deleted: z.literal(true),
});

export const deletedAgentVersion = z.object({
  object: z.literal('agent.version.deleted'),
  name: z.string(),
  version: z.string(),
  deleted: z.literal(true),
});
