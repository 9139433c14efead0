/** `chunkingStrategyRequestParam`: how a file is cut into chunks (components.md section 9). */
import { z } from 'zod';

export const chunkingStrategy = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('auto') }),
  z.strictObject({
    type: z.literal('static'),
    static: z
      .strictObject({
        max_chunk_size_tokens: z.int().min(100).max(4096),
        chunk_overlap_tokens: z.int().min(0),
      })
      .refine((given) => given.chunk_overlap_tokens * 2 <= given.max_chunk_size_tokens, {
        path: ['chunk_overlap_tokens'],
        message: "must not exceed half of 'max_chunk_size_tokens'",
      }),
  }),
]);
export type ChunkingStrategy = z.infer<typeof chunkingStrategy>;

/** The strategy as a file shows it: `auto` is today's 800 tokens with an overlap of 400. */
export const storedChunkingStrategy = z.object({
  type: z.literal('static'),
  static: z.object({ max_chunk_size_tokens: z.int(), chunk_overlap_tokens: z.int() }),
});
export type StoredChunkingStrategy = z.infer<typeof storedChunkingStrategy>;

/** The strategy that a request asks for, in its stored form. */
export function resolveChunking(asked: ChunkingStrategy | undefined): StoredChunkingStrategy {
  if (asked?.type === 'static') return asked;
  return { type: 'static', static: { max_chunk_size_tokens: 800, chunk_overlap_tokens: 400 } };
}
