/** The HTTP status in the errors of Azure's libraries. */

/** Whether the service answered with one of those statuses. */
export const hasStatus = (error: unknown, ...statuses: number[]): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'statusCode' in error &&
  statuses.some((status) => error.statusCode === status);
