/** Sampling as callers see it. */

/**
 * The assistant or run with the API's default, 1, where nobody set a temperature or top_p. It is only shown: models are sent what somebody set, since some
 * refuse the fields altogether.
 */
export const shownSampling = <T extends { temperature: number | null; top_p: number | null }>(object: T): T => ({
  ...object,
  temperature: object.temperature ?? 1,
  top_p: object.top_p ?? 1,
});
