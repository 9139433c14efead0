/** Fine-tuning jobs: what must be known of them here; the service checks the rest. */
import { z } from 'zod';
import { modelName } from './chat';
import { pageQuery } from './common';

export const fineTuningJobRequest = z
  .looseObject({ model: modelName, training_file: z.string().min(1), validation_file: z.string().min(1).nullish() })
  .meta({ id: 'CreateFineTuningJobRequest' });

export const fineTuningJob = z
  .looseObject({ id: z.string().min(1), object: z.literal('fine_tuning.job'), fine_tuned_model: z.string().nullish() })
  .meta({ id: 'FineTuningJob' });
export type FineTuningJob = z.output<typeof fineTuningJob>;

/** `limit` and `after` of both lists. */
export const fineTuningQuery = pageQuery.pick({ limit: true, after: true });

export const fineTuningList = z.object({
  object: z.literal('list'),
  data: z.array(fineTuningJob),
  has_more: z.boolean(),
});

export const fineTuningEvents = z.looseObject({ data: z.array(z.looseObject({})) });
