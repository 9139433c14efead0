/** One question to an agent, one answer: an action of our own for flows. */
import { z } from 'zod';
import { objectId } from './common';

/** Less than the 230 s that Azure lets a request last, and the 120 s that a flow waits. */
const MAX_WAIT_SECONDS = 100;

export const askRequest = z
  .strictObject({
    input: z.string().min(1).max(256_000),
    /** The conversation that goes on and is added to. */
    conversation_id: objectId.nullish(),
    /** The `response_id` of the answer that goes on. */
    previous_response_id: objectId.nullish(),
    /** How long the answer is waited for. */
    wait_seconds: z.number().min(0).max(MAX_WAIT_SECONDS).default(60),
  })
  .meta({ id: 'AskRequest' });

const citation = z.object({
  /** Its number in the text, `[1]`. */
  position: z.int(),
  /** The file's name, or the page's title. */
  title: z.string(),
  file_id: z.string().optional(),
  url: z.string().optional(),
  quote: z.string().optional(),
});

/** The answer; while the agent is at work, only `response_id` and `status`. */
export const askAnswer = z
  .object({
    response_id: z.string(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'requires_action']),
    text: z.string().optional(),
    citations: z.array(citation).optional(),
    /** Names of the functions that the agent wants called, and of the tools that want an approval. */
    waits_for: z.array(z.string()).optional(),
  })
  .meta({ id: 'AskAnswer' });
export type AskAnswer = z.infer<typeof askAnswer>;
