/** Containers in which code of responses runs, and their files (openai-2026-08). */
import { z } from '@hono/zod-openapi';
import { objectId, pageQuery, timestamp } from './common';
import { unsupported, unsupportedField } from './unsupported';

/** Minutes without use after which a container expires, unless its creation says less. */
export const MAX_IDLE_MINUTES = 20;
/** Files of callers in one container, of which code can read no more. */
export const MAX_FILES = 100;

/** What code always has. */
const networkPolicy = z
  .looseObject({ type: z.string() })
  .refine(({ type }) => type === 'disabled', unsupported('Code never reaches the network.'))
  .transform(() => ({ type: 'disabled' as const }));

/** `CreateContainerBody`. */
export const createContainerRequest = z.strictObject({
  name: z.string().min(1).max(256),
  file_ids: z.array(objectId).max(MAX_FILES).nullish(),
  expires_after: z
    .strictObject({ anchor: z.literal('last_active_at'), minutes: z.int().min(1).max(MAX_IDLE_MINUTES) })
    .nullish(),
  memory_limit: unsupportedField('The sandbox has limits of its own.'),
  network_policy: networkPolicy.nullish(),
  skills: unsupportedField('There are no skills here; give files by file_ids.'),
});
export type CreateContainerRequest = z.infer<typeof createContainerRequest>;

/** `ContainerResource`; without `memory_limit`, since no container has any of the services' sizes. */
export const containerObject = z
  .object({
    id: z.string(),
    object: z.literal('container'),
    name: z.string(),
    created_at: timestamp,
    status: z.enum(['running', 'expired']),
    last_active_at: timestamp,
    expires_after: z.object({ anchor: z.literal('last_active_at'), minutes: z.int() }),
    network_policy: z.object({ type: z.literal('disabled') }).optional(),
  })
  .meta({ id: 'container' });
export type ContainerObject = z.infer<typeof containerObject>;

/** The query of the list of containers. */
export const listContainersQuery = pageQuery.extend({ name: z.string().min(1).max(256).optional() });
export type ListContainersQuery = z.infer<typeof listContainersQuery>;

/** `CreateContainerFileBody` as JSON; a form has the file itself. */
export const createContainerFileRequest = z.strictObject({ file_id: objectId });

/** `ContainerFileResource`. */
export const containerFileObject = z
  .object({
    id: z.string(),
    object: z.literal('container.file'),
    container_id: z.string(),
    created_at: timestamp,
    bytes: z.int(),
    path: z.string(),
    source: z.enum(['user', 'assistant']),
  })
  .meta({ id: 'containerFile' });
export type ContainerFileObject = z.infer<typeof containerFileObject>;
