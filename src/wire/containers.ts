/** Files of the containers in which code of responses runs (openai-2026-08). */
import { z } from '@hono/zod-openapi';
import { timestamp } from './common';

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
