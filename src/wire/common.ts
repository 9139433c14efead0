/** What the JSON bodies of several families share. */
import { z } from 'zod';

/** The arguments of a refinement that bounds the pairs of an object, in the services' words. */
export function atMostPairs(max: number) {
  const count = (value: unknown): number =>
    Object.keys(typeof value === 'object' && value !== null ? value : {}).length;
  const error = ({ input }: { input?: unknown }): string =>
    `too many properties. Expected an object with at most ${max} properties, but got an object with ${count(input)} properties instead`;
  const isFit = (pairs: object): boolean => count(pairs) <= max;
  return [isFit, { error, params: { code: 'object_above_max_properties' } }] as const;
}

/** At most 16 pairs; keys up to 64 characters, values up to 512 (operations.md 2.6). */
export const metadata = z.record(z.string().max(64), z.string().max(512)).refine(...atMostPairs(16));
export type Metadata = z.infer<typeof metadata>;

export const storedMetadata = z.record(z.string(), z.string());

/** The id of an object in a body: ids of services that objects were brought from are taken too. */
export const objectId = z.string().regex(/^[\x21-\x7e]{1,128}$/, 'must be an id of 1 to 128 visible ASCII characters');

/** The id of a tool call, which the model service chose: gateways make it of any length, with signatures of the model's thoughts in it. */
export const callId = z.string().min(1);

/** A list of ids, none of them twice. */
export const distinctIds = (max: number) =>
  z
    .array(objectId)
    .max(max)
    .refine((ids) => new Set(ids).size === ids.length, 'must not name the same id twice');

/** Unix seconds. */
export const timestamp = z.int();

/** `limit`, `order`, `after` and `before` of every list (operations.md 2.5). */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().min(1).optional(),
  before: z.string().min(1).optional(),
});

/** The body of a list of `item`. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });

export interface ListObject<T> {
  object: 'list';
  data: T[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** The body of a delete (operations.md 2.7). */
export const deletedObject = (object: string) =>
  z.object({ id: z.string(), object: z.literal(object), deleted: z.literal(true) });

/** `errorResponse` of the contract. */
export const errorResponse = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: 'errorResponse' });
export type ErrorBody = z.infer<typeof errorResponse>;
