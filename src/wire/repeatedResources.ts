/** Bodies of create-thread-and-run as OpenAI's .NET SDK sends them: it gives the thread's resources a second time, as the run's. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

interface Sent {
  thread?: { tool_resources?: unknown } | null;
  tool_resources?: { file_search?: { vector_stores?: unknown } | null } | null;
}

/**
 * Takes the body that `schema` takes, also where `tool_resources` repeats the thread's with the stores that it describes. The run has its thread's resources
 * anyway, so the repetition is left out; described stores that are not the thread's stay unknown parameters.
 */
export const withoutRepeatedResources = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((sent: Sent | null | undefined) => {
    const { tool_resources, ...others } = sent ?? {};
    const repeated =
      tool_resources?.file_search?.vector_stores && isDeepStrictEqual(tool_resources, others.thread?.tool_resources);
    return repeated ? others : sent;
  }, schema);
