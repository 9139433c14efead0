/** Puts the fields of an action together to one schema. Pure. */
import type { DeclaredSchema, SwaggerSchema } from './declaredSchema';

/** A field that the designer shows. */
export interface Field {
  /** `messages[].role` */
  path: string;
  /** What it is called there. */
  title: string;
  description: string;
  /** Which of the types that are declared; `any`: the designer takes everything. */
  type?: SwaggerSchema['type'] | 'any';
  /** `important`: shown at once; `advanced`: behind a click; `internal`: not at all. */
  visibility?: 'important' | 'advanced' | 'internal';
  required?: boolean;
  default?: string | number | boolean;
  /** A list of values that another action gives. */
  dynamicValues?: DynamicValues;
  /** In place of a declared type, where the connector's form of it is its own (foundry-agent-connector.md 2.3, 2.4 and 3.4). */
  own?: SwaggerSchema;
}

/** `x-ms-dynamic-values`. */
export interface DynamicValues {
  operationId: string;
  'value-collection': string;
  'value-path': string;
  'value-title': string;
  parameters?: Record<string, string>;
}

/** A field in short: path, title, description, and what else there is. */
type Told = [path: string, title: string, description: string, more?: Partial<Field>];

/** The fields, as they are told in short. */
export const fields = (told: readonly Told[]): Field[] =>
  told.map(([path, title, description, more]) => ({ path, title, description, ...more }));

/** Where the declaration has other types beside it. */
export const object: Partial<Field> = { type: 'object' };

/** The object that has these fields, each as `declared` has it; objects and arrays around them are made. */
export function schemaOf(listed: readonly Field[], declared: DeclaredSchema): SwaggerSchema {
  const root: SwaggerSchema = { type: 'object' };
  for (const field of listed) put(root, field.path.replaceAll('[]', '.[]').split('.'), field, declared);
  return root;
}

function put(at: SwaggerSchema, steps: string[], field: Field, declared: DeclaredSchema): void {
  const [step = '', ...rest] = steps;
  if (step === '[]') {
    at.type = 'array';
    if (rest.length === 0) at.items = leaf(field, declared);
    else put((at.items ??= { type: 'object' }), rest, field, declared);
    return;
  }
  at.properties ??= {};
  if (rest.length === 0) {
    // A field that others lie below was made for them already.
    at.properties[step] = { ...at.properties[step], ...leaf(field, declared) };
    if (field.required) at.required = [...(at.required ?? []), step];
    return;
  }
  const inner = (at.properties[step] ??= { type: 'object' });
  put(inner, rest, field, declared);
}

function leaf(field: Field, declared: DeclaredSchema): SwaggerSchema {
  const { path, title, description, type, visibility, own, dynamicValues } = field;
  const shown: SwaggerSchema = {
    ...(own ?? declared.field(path, type)),
    title,
    description,
    'x-ms-summary': title,
    ...(visibility && { 'x-ms-visibility': visibility }),
    ...(field.default !== undefined && { default: field.default }),
    ...(dynamicValues && { 'x-ms-dynamic-values': dynamicValues }),
  };
  // Swagger wants to know of what: a list whose fields come later is filled by them.
  return shown.type === 'array' ? { ...shown, items: { type: 'object' } } : shown;
}
