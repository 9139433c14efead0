/** Schedules, an extension beside the contract: a cron expression and the run that it starts. */
import { z } from 'zod';
import { metadata, objectId, storedMetadata, timestamp } from './common';
import {
  createRunRequest,
  createThreadAndRunRequest,
  type CreateRunRequest,
  type CreateThreadAndRunRequest,
} from './threads';

const { additional_instructions, additional_messages } = createRunRequest.shape;

/** The body of create-thread-and-run; on a thread that is there, that of create-run. */
const scheduledRun = z.strictObject({
  ...createThreadAndRunRequest.shape,
  additional_instructions,
  additional_messages,
});
/** As the capability takes and keeps it: described vector stores have been made. */
export type ScheduledRun = CreateThreadAndRunRequest &
  Pick<CreateRunRequest, 'additional_instructions' | 'additional_messages'>;

/** Fields of `run` that only one of the two bodies has. */
const OF_NEW_THREADS = ['thread', 'tool_resources', 'stream_options'] as const;
const OF_OLD_THREADS = ['additional_instructions', 'additional_messages'] as const;

/** `cron` has five fields, or six with the second first; `time_zone` is an IANA name. */
export const createScheduleRequest = z
  .strictObject({
    cron: z.string().min(1).max(256),
    time_zone: z.string().min(1).max(64).default('UTC'),
    thread_id: objectId.nullish(),
    run: scheduledRun,
    metadata: metadata.nullish(),
  })
  .superRefine(({ thread_id, run }, context) => {
    const wrong = (thread_id ? OF_NEW_THREADS : OF_OLD_THREADS).find((field) => run[field]);
    const message = thread_id ? "does not go with 'thread_id'" : "is only taken with 'thread_id'";
    if (wrong) context.addIssue({ code: 'custom', path: ['run', wrong], message });
    if (run.stream) {
      context.addIssue({
        code: 'custom',
        path: ['run', 'stream'],
        message: 'must not be true: nobody reads the stream',
      });
    }
  })
  .meta({ id: 'createScheduleRequest' });
export type CreateScheduleRequest = Omit<z.infer<typeof createScheduleRequest>, 'run'> & { run: ScheduledRun };

export const scheduleObject = z
  .object({
    id: z.string(),
    object: z.literal('schedule'),
    created_at: timestamp,
    cron: z.string(),
    time_zone: z.string(),
    /** Null: every run gets a thread of its own. */
    thread_id: z.string().nullable(),
    run: scheduledRun,
    next_run_at: timestamp,
    /** The last run that was started, by the clock or at once. */
    last_run: z.object({ id: z.string(), thread_id: z.string(), started_at: timestamp }).nullable(),
    /** Why the last tick started none, as its caller would have been told; null after one that did. */
    last_error: z.object({ code: z.string().nullable(), message: z.string(), occurred_at: timestamp }).nullable(),
    metadata: storedMetadata,
  })
  .meta({ id: 'scheduleObject' });
export type ScheduleObject = Omit<z.infer<typeof scheduleObject>, 'run'> & { run: ScheduledRun };
