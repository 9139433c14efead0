/** What other services have and this package does not: said by code `unsupported`, never passed over. */
import { z } from '@hono/zod-openapi';

/** The error of a refinement; `reason` is a sentence. */
export const unsupported = (reason: string) => ({
  message: `is not supported here. ${reason}`,
  params: { code: 'unsupported' },
});

/** A field that must not be given. Absent and null say nothing, so they pass and leave no trace. */
export const unsupportedField = (reason: string) =>
  z
    .unknown()
    .refine((value) => value === undefined || value === null, unsupported(reason))
    .transform(() => undefined)
    .optional();
