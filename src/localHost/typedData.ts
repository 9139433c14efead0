/**
 * The values that the host and the functions exchange, as the runtime's wire format has them, and how they become a function's
 * values and back.
 */

/** One value on the wire: exactly one of the fields. */
export type TypedData =
  { string: string } | { json: string } | { bytes: Buffer } | { int: number } | { double: number } | { http: object };

/** A value that belongs to a binding of a function. */
export interface NamedData {
  name: string;
  data: TypedData;
}
