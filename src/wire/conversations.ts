/** Conversations and requests for them (`/conversations` of openai-2026-08). */
import { z } from '@hono/zod-openapi';
import { metadata, pageQuery, storedMetadata, timestamp } from './common';
import { inputItem } from './responseItems';
import { includeQuery } from './responses';

/** Items that one request may add. */
const MAX_ITEMS = 20;
const items = z.array(inputItem).max(MAX_ITEMS);

/** `CreateConversationBody`. */
export const createConversationRequest = z
  .strictObject({ metadata: metadata.nullish(), items: items.nullish() })
  .meta({ id: 'createConversationRequest' });
export type CreateConversationRequest = z.infer<typeof createConversationRequest>;

/** `UpdateConversationBody`; SDKs also send null, which empties the metadata. */
export const updateConversationRequest = z
  .strictObject({ metadata: metadata.nullable() })
  .meta({ id: 'updateConversationRequest' });

export const createItemsRequest = z.strictObject({ items }).meta({ id: 'createConversationItemsRequest' });

export const listItemsQuery = pageQuery.extend(includeQuery.shape);

/** `ConversationResource`. */
export const conversationObject = z
  .object({
    id: z.string(),
    object: z.literal('conversation'),
    created_at: timestamp,
    metadata: storedMetadata,
  })
  .meta({ id: 'conversation' });
export type ConversationObject = z.infer<typeof conversationObject>;
