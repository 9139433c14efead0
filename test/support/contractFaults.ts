/** Compares a JSON value with the schema that declares it. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

/** What is wrong with the value: a field missing, of another type, or not declared. Fields that may be null must still be there. */
export function faultsOf(schema: z.ZodType, value: unknown): string[] {
  const parsed = schema.safeParse(value);
  if (!parsed.success) return [z.prettifyError(parsed.error)];
  // Schemas drop fields that they do not declare.
  if (!isDeepStrictEqual(parsed.data, value)) return [`holds fields that are not declared: ${JSON.stringify(value)}`];
  return missingFields(schema, value);
}

function missingFields(schema: z.ZodType, value: unknown): string[] {
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.flatMap((item) => missingFields(schema.element as z.ZodType, item));
  }
  if (!(schema instanceof z.ZodObject) || typeof value !== 'object' || value === null) return [];
  return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([name, field]) => {
    if (!(name in value)) return field instanceof z.ZodOptional && !isNullable(field) ? [] : [`lacks '${name}'`];
    return name === 'data' ? missingFields(field, (value as Record<string, unknown>)[name]) : [];
  });
}

const isNullable = (field: z.ZodOptional): boolean => field.unwrap() instanceof z.ZodNullable;
