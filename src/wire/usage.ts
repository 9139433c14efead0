/** Usage of the model services by day and deployment (`GET /usage`), which the services do not have in this form. */
import { z } from 'zod';

/** Days that one answer covers. */
export const MAX_USAGE_DAYS = 92;

const date = z.iso.date({ error: 'It must be a date such as 2026-11-26.' });

export const usageQuery = z.object({
  start_date: date.describe('The first day, UTC.'),
  end_date: date.optional().describe('The last day, UTC; by default the first.'),
});

const dailyUsage = z.object({
  object: z.literal('usage.day'),
  date: z.string(),
  deployment: z.string().describe('As callers named it.'),
  calls: z.int().describe('Calls that a model service answered with a success.'),
  metered_calls: z.int().describe('Those of them whose answer said how many tokens it took.'),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
});

export const usageList = z.object({ object: z.literal('list'), data: z.array(dailyUsage) });
