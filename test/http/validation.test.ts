import { z } from 'zod';
import { ApiError } from '../../src/errors';
import { validate } from '../../src/http/validation';

/** The message, code and parameter of the refusal. */
function refusal(schema: z.ZodType, value: unknown, tolerant = false) {
  try {
    validate(schema, value, tolerant);
  } catch (error) {
    if (error instanceof ApiError) return { status: error.status, message: error.message, ...error.details };
    throw error;
  }
  return undefined;
}

it.each<[string, z.ZodType, unknown, string, string, string]>([
  [
    'a missing field',
    z.strictObject({ a: z.string() }),
    {},
    "Missing required parameter: 'a'.",
    'missing_required_parameter',
    'a',
  ],
  [
    'another type',
    z.strictObject({ a: z.string() }),
    { a: 5 },
    "Invalid type for 'a': expected a string, but got a number instead.",
    'invalid_type',
    'a',
  ],
  [
    'null',
    z.strictObject({ a: z.array(z.string()) }),
    { a: null },
    "Invalid type for 'a': expected an array, but got null instead.",
    'invalid_type',
    'a',
  ],
  [
    'a fraction',
    z.strictObject({ a: z.int() }),
    { a: 1.5 },
    "Invalid type for 'a': expected an integer, but got a number instead.",
    'invalid_type',
    'a',
  ],
  [
    'another of few values',
    z.strictObject({ a: z.enum(['x', 'y', 'z']) }),
    { a: 'q' },
    "Invalid value: 'q'. Supported values are: 'x', 'y' and 'z'.",
    'invalid_value',
    'a',
  ],
  [
    'a text that is too long',
    z.strictObject({ a: z.string().max(2) }),
    { a: 'xyz' },
    "Invalid 'a': string too long. Expected a string with maximum length 2, but got a string with length 3 instead.",
    'string_above_max_length',
    'a',
  ],
  [
    'an array that is too short',
    z.strictObject({ a: z.array(z.string()).min(1) }),
    { a: [] },
    "Invalid 'a': array too short. Expected an array with minimum length 1, but got an array with length 0 instead.",
    'array_below_min_length',
    'a',
  ],
  [
    'an integer out of bounds',
    z.strictObject({ a: z.int().max(5) }),
    { a: 6 },
    "Invalid 'a': integer above maximum value. Expected a value <= 5, but got 6 instead.",
    'integer_above_max_value',
    'a',
  ],
  [
    'a decimal out of bounds',
    z.strictObject({ a: z.number().max(2) }),
    { a: 3 },
    "Invalid 'a': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
    'decimal_above_max_value',
    'a',
  ],
  [
    'an integer of a query',
    z.object({ limit: z.coerce.number().int().min(1) }),
    { limit: '0' },
    "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    'integer_below_min_value',
    'limit',
  ],
  [
    'a text that is too long in characters, of which some are two units',
    z.strictObject({ a: z.string().max(2) }),
    { a: '🦦🦦x' },
    "Invalid 'a': string too long. Expected a string with maximum length 2, but got a string with length 3 instead.",
    'string_above_max_length',
    'a',
  ],
  [
    'a name that is too long in characters',
    z.strictObject({ a: z.record(z.string().max(2), z.string()) }),
    { a: { '🦦🦦x': '' } },
    "Invalid property name in 'a': '🦦🦦x' is too long. Expected a string with maximum length 2, but got a string with length 3 instead.",
    'property_name_above_max_length',
    'a.🦦🦦x',
  ],
  [
    'a rule over several fields',
    z
      .strictObject({ a: z.number(), b: z.number() })
      .refine(({ a, b }) => a < b, { path: ['b'], message: "must exceed 'a'" }),
    { a: 2, b: 1 },
    "Invalid 'b': must exceed 'a'.",
    'invalid_value',
    'b',
  ],
])('words %s as the services do', (_what, schema, value, message, code, param) => {
  expect(refusal(schema, value)).toEqual({ status: 400, message, code, param });
});

const nested = z.strictObject({
  list: z.array(z.strictObject({ kind: z.strictObject({ size: z.int().optional() }) })),
});

it('names a field at any depth', () => {
  expect(refusal(nested, { list: [{ kind: {} }, { kind: { size: 'x' } }] })?.param).toBe('list[1].kind.size');
  expect(refusal(nested, { list: [{ kind: { colour: 1 } }] })).toMatchObject({
    message: "Unknown parameter: 'list[0].kind.colour'.",
    code: 'unknown_parameter',
  });
});

it('drops unknown fields at any depth where it is tolerant, but nothing else', () => {
  const value = { list: [{ kind: { size: 1, colour: 2 }, x: 3 }], y: 4 };
  expect(validate(nested, value, true)).toEqual({ list: [{ kind: { size: 1 } }] });
  expect(value).toEqual({ list: [{ kind: { size: 1, colour: 2 }, x: 3 }], y: 4 });
  expect(refusal(nested, { list: [{ x: 1 }], y: 4 }, true)?.param).toBe('list[0].kind');
});

it('tolerates unknown fields in the branch of a union that is meant', () => {
  const union = z.strictObject({
    format: z.union([z.literal('auto'), z.strictObject({ type: z.literal('text') })]),
  });
  expect(validate(union, { format: { type: 'text', x: 1 } }, true)).toEqual({ format: { type: 'text' } });
  expect(refusal(union, { format: { type: 'text', x: 1 } })?.param).toBe('format.x');
});

it('tells what is wrong in the branch of a union that fits best', () => {
  const union = z.strictObject({
    choice: z.union([
      z.enum(['a', 'b']),
      z.strictObject({ type: z.literal('f'), f: z.strictObject({ name: z.string() }) }),
    ]),
  });
  expect(refusal(union, { choice: { type: 'f', f: {} } })?.param).toBe('choice.f.name');
  expect(refusal(union, { choice: 'c' })).toMatchObject({
    param: 'choice',
    message: "Invalid value: 'c'. Supported values are: 'a' and 'b'.",
  });
});

it.each<[unknown, string, string]>([
  [{ type: 'f' }, 'choice.f', "Missing required parameter: 'choice.f'."],
  [{ type: 'x' }, 'choice.type', "Invalid value: 'x'. Supported values are: 'g' and 'f'."],
  [{}, 'choice.type', "Missing required parameter: 'choice.type'."],
  [5, 'choice', "Invalid value for 'choice': a number of this form is not supported."],
])('tells of %j what the kind that it names lacks, or which kinds there are', (choice, param, message) => {
  const union = z.strictObject({
    choice: z.union([
      z.enum(['a', 'b']),
      z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('g') }),
        z.strictObject({ type: z.literal('f'), f: z.strictObject({ name: z.string() }) }),
      ]),
    ]),
  });
  expect(refusal(union, { choice })).toMatchObject({ param, message });
});

it('repeats no more than the beginning of a wrong value', () => {
  const message = refusal(z.strictObject({ a: z.enum(['x']) }), { a: 'q'.repeat(10_000) })?.message ?? '';
  expect(message.length).toBeLessThan(300);
});

it('looks no further than the first fault, so that a body of a million of them blocks nobody', () => {
  let looked = 0;
  const counted = z.preprocess((item) => {
    looked += 1;
    return item;
  }, z.string());
  const schema = z.looseObject({ items: z.union([z.string(), z.array(counted)]) });
  const items = Array.from({ length: 10_000 }, () => 1);

  expect(refusal(schema, { items })).toMatchObject({ param: 'items[0]', code: 'invalid_type' });
  expect(looked).toBeLessThan(10);
});
