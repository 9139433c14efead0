/** What kind of object of the API a value is. */

/** Whether the value, one of ours, is of the kind that its member `object` names. */
export const isOf = <T extends { object: string }>(value: unknown, object: T['object']): value is T =>
  typeof value === 'object' && value !== null && 'object' in value && value.object === object;
