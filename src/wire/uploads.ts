/** Uploads: large files that come in parts (`/uploads` of openai-2026-08). */
import { z } from '@hono/zod-openapi';
import { objectId, timestamp } from './common';
import { fileObject, filePurpose } from './vectorStores';

/** Parts of one upload. The services name no limit; this is that of Amazon S3. */
export const MAX_PARTS = 10_000;

/** `type/subtype` of RFC 9110, with parameters. */
const mediaType = z
  .string()
  .max(255)
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+ *(;.*)?$/, 'must be a MIME type such as text/plain');

/** What images for `vision` may be. */
const images = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

/** `CreateUploadRequest`; `purpose` as for files, which is what the SDKs declare. */
export const createUploadRequest = z
  .strictObject({
    filename: z.string(),
    purpose: filePurpose,
    bytes: z.int().min(1),
    mime_type: mediaType,
    expires_after: z
      .strictObject({ anchor: z.literal('created_at'), seconds: z.int().min(3600).max(2_592_000) })
      .optional(),
  })
  .refine(({ purpose, mime_type: type }) => purpose !== 'vision' || images.includes(type.toLowerCase()), {
    path: ['mime_type'],
    message: `must be one of ${images.join(', ')} where the purpose is vision`,
  })
  .meta({ id: 'CreateUploadRequest' });
export type CreateUploadRequest = z.infer<typeof createUploadRequest>;

/** `CompleteUploadRequest`. */
export const completeUploadRequest = z
  .strictObject({
    part_ids: z.array(objectId).max(MAX_PARTS),
    md5: z
      .string()
      .regex(/^[0-9a-f]{32}$/i, 'must be an MD5 checksum of 32 hexadecimal digits')
      .optional(),
  })
  .meta({ id: 'CompleteUploadRequest' });
export type CompleteUploadRequest = z.infer<typeof completeUploadRequest>;

/** Text fields beside the content of a part: none. */
export const addUploadPartFields = z.strictObject({});

/** `Upload`; `file` of one that is completed, unless it was deleted since. */
export const uploadObject = z
  .object({
    id: z.string(),
    object: z.literal('upload'),
    bytes: z.int(),
    created_at: timestamp,
    filename: z.string(),
    purpose: z.string(),
    status: z.enum(['pending', 'completed', 'cancelled', 'expired']),
    expires_at: timestamp,
    file: fileObject.nullable(),
  })
  .meta({ id: 'Upload' });
export type UploadObject = z.infer<typeof uploadObject>;

/** `UploadPart`. */
export const uploadPartObject = z
  .object({
    id: z.string(),
    object: z.literal('upload.part'),
    created_at: timestamp,
    upload_id: z.string(),
  })
  .meta({ id: 'UploadPart' });
export type UploadPartObject = z.infer<typeof uploadPartObject>;
