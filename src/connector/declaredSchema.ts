/** Fields of declared schemas (zod) as Swagger 2.0 has them, which knows neither unions nor null. Pure. */
import { z } from 'zod';

/** A Swagger 2.0 schema, with the extensions of custom connectors. */
export interface SwaggerSchema {
  type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';
  properties?: Record<string, SwaggerSchema>;
  items?: SwaggerSchema;
  required?: string[];
  enum?: (string | number | boolean)[];
  default?: string | number | boolean;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  [extension: `x-ms-${string}`]: unknown;
  title?: string;
  description?: string;
}

/** JSON Schema as zod writes it, as far as it is read here. */
interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  const?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
}

const definitionsSchema = z.record(z.string(), z.unknown());

/** The alternatives of a schema that are no null, references followed. */
type Alternatives = JsonSchema[];

export class DeclaredSchema {
  private readonly root: JsonSchema;
  private readonly definitions: Record<string, unknown>;

  /** @param io Whether what is sent or what is answered is told; of answers no values are listed, since there may be more one day. */
  constructor(
    schema: z.ZodType,
    private readonly io: 'input' | 'output',
  ) {
    const { $defs, ...root } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
    this.definitions = definitionsSchema.parse($defs ?? {});
    this.root = readSchema(root);
  }

  /**
   * The field at a path, such as `messages[].role`, by itself. Of alternatives of different types `type` chooses, `any` leaves them open. Throws for a path that is
   * not there, and for a type that the field never has.
   */
  field(path: string, type?: SwaggerSchema['type'] | 'any'): SwaggerSchema {
    let found: Alternatives = this.alternatives(this.root);
    for (const step of stepsOf(path)) {
      found = found.flatMap((schema) => {
        const inner = step === '[]' ? schema.items : schema.properties?.[step];
        return inner ? this.alternatives(inner) : [];
      });
      if (found.length === 0) throw new Error(`The declaration has no field '${path}' (nothing at '${step}').`);
    }
    if (type === 'any') return {};
    const { enum: values, ...schema } = asSwagger(found, type, path);
    return this.io === 'input' && values ? { ...schema, enum: values } : schema;
  }

  private alternatives(schema: JsonSchema): Alternatives {
    if (schema.$ref !== undefined) return this.alternatives(this.definition(schema.$ref));
    const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
    if (inner.length > 0) return inner.flatMap((each) => this.alternatives(each));
    return schema.type === 'null' ? [] : [schema];
  }

  private definition(reference: string): JsonSchema {
    if (reference === '#') return this.root;
    return readSchema(this.definitions[reference.replace('#/$defs/', '')]);
  }
}

/** `a.b[].c` → a, b, [], c */
const stepsOf = (path: string): string[] => path.replaceAll('[]', '.[]').split('.');

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null;

function readSchema(value: unknown): JsonSchema {
  if (!isSchema(value)) throw new Error('The declaration is no schema.');
  return value;
}

const typeOf = ({ type, const: constant }: JsonSchema): string | undefined => {
  if (typeof type === 'string') return type;
  return type?.find((each) => each !== 'null') ?? (constant === undefined ? undefined : typeof constant);
};

function asSwagger(found: Alternatives, wanted: SwaggerSchema['type'], path: string): SwaggerSchema {
  const type = wanted ?? typeOf(found[0] ?? {});
  const fitting = found.filter((each) => typeOf(each) === type);
  const [first] = fitting;
  if (!first) throw new Error(`The declaration has no '${path}' of the type ${type}.`);
  const values = valuesOf(fitting);
  const { minimum, maximum, maxLength, maxItems } = first;
  const own = { minimum, maximum, maxLength, maxItems };
  return {
    type: knownType(type, path),
    ...(values.length > 0 && { enum: values }),
    // Bounds of one alternative are none of the whole; those at the ends of what numbers can be say nothing.
    ...(fitting.length === 1 &&
      Object.fromEntries(
        Object.entries(own).filter(([, bound]) => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER),
      )),
  };
}

/** The values that there are, where every alternative lists its own. */
function valuesOf(found: Alternatives): (string | number | boolean)[] {
  const lists = found.map((each) => each.enum ?? (each.const === undefined ? [] : [each.const]));
  if (lists.some((list) => list.length === 0)) return [];
  return [...new Set(lists.flat())].filter(
    (value) => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean',
  );
}

function knownType(type: string | undefined, path: string): SwaggerSchema['type'] {
  switch (type) {
    case 'object':
    case 'array':
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
      return type;
    default:
      throw new Error(`'${path}' is of the type ${type}, which Swagger 2.0 does not have.`);
  }
}
