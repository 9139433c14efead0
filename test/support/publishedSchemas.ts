/** The schemas that OpenAI publishes (openai-2026-08.json) for the answers and events of operations 9 to 30, and for answers about conversations. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { publishedExceptions } from './publishedExceptions';

export interface JsonSchema {
  $ref?: string;
  nullable?: boolean;
  enum?: string[];
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
}
interface Specification {
  paths: Record<
    string,
    Record<string, { responses?: Record<string, { content?: Record<string, { schema?: JsonSchema }> }> }>
  >;
  components: { schemas: Record<string, JsonSchema> };
}

const FILE = join(process.cwd(), '..', 'shared', 'spec', 'openai-2026-08.json');
const FAMILIES = /^\/(assistants|threads|conversations)(\/|$)/;
const REFERENCE = '#/components/schemas/';
const EVENT = 'AssistantStreamEvent';

export class PublishedSchemas {
  /** Names of the published schemas that a value was found to be of. */
  readonly exercised = new Set<string>();
  /** Names of the exceptions that were made use of. */
  readonly exceptionsUsed = new Set<string>();
  private readonly compiled = new Map<unknown, z.ZodType>();
  private readonly answers: { method: string; pattern: RegExp; schema: JsonSchema }[];

  private constructor(
    specification: Specification,
    private readonly definitions: Record<string, JsonSchema>,
  ) {
    const templates = Object.keys(specification.paths).filter((path) => FAMILIES.test(path));
    // Names before parameters: /threads/runs is no thread.
    templates.sort((a, b) => a.split('{').length - b.split('{').length);
    this.answers = templates.flatMap((path) =>
      Object.entries(specification.paths[path] ?? {}).flatMap(([method, { responses }]) => {
        const schema = responses?.['200']?.content?.['application/json']?.schema;
        const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
        return schema ? [{ method: method.toUpperCase(), pattern, schema: withOwnReferences(schema) }] : [];
      }),
    );
  }

  /** Undefined where the folder with the specification is not there. */
  static read(): PublishedSchemas | undefined {
    if (!existsSync(FILE)) return undefined;
    const specification = JSON.parse(readFileSync(FILE, 'utf8')) as Specification;
    const { schemas } = specification.components;
    const wanted = new Set([EVENT, 'ErrorResponse']);
    for (const [path, methods] of Object.entries(specification.paths))
      if (FAMILIES.test(path)) for (const name of referencesIn(methods)) wanted.add(name);
    // A set that grows while it is walked: whatever those name, too.
    for (const name of wanted) for (const named of referencesIn(schemas[name])) wanted.add(named);
    const definitions = Object.fromEntries([...wanted].map((name) => [name, withOwnReferences(schemas[name] ?? {})]));
    return new PublishedSchemas(specification, definitions);
  }

  /** Names of the schemas of the answers. */
  get answerNames(): string[] {
    return [...new Set(this.answers.map(({ schema }) => nameOf(schema)))];
  }

  /** What is wrong with an answer; `path` is below the base path. Nothing is said of other families. */
  answerFaults(method: string, path: string, status: number, body: unknown): string[] {
    if (!FAMILIES.test(path)) return [];
    if (status >= 400) return this.faults({ $ref: '#/$defs/ErrorResponse' }, body, 'ErrorResponse');
    const found = this.answers.find((answer) => answer.method === method && answer.pattern.test(path));
    // An operation beyond the published ones, such as the list of threads.
    if (!found) return [];
    return this.faults(found.schema, body, nameOf(found.schema));
  }

  /** What is wrong with an event of a run's stream. */
  eventFaults(event: string, data: unknown): string[] {
    const named = eventSchemaOf(this.definitions, event);
    if (!named) return [`the published events have no '${event}'`];
    return this.faults(named, { event, data }, event);
  }

  private faults(schema: JsonSchema, value: unknown, name: string): string[] {
    const parsed = this.compile(schema).safeParse(value);
    const issues = parsed.success ? [] : parsed.error.issues;
    const faults = issues.flatMap(({ path, message }) => {
      const place = path.map((part) => (typeof part === 'number' ? '[]' : String(part))).join('.');
      const exception = publishedExceptions.find((one) => one.schema.test(name) && one.place.test(place));
      if (!exception) return [`published ${name} at '${place}': ${message}`];
      this.exceptionsUsed.add(exception.name);
      return [];
    });
    if (faults.length === 0) this.note(schema, value);
    return faults;
  }

  private compile(schema: JsonSchema): z.ZodType {
    const key = schema.$ref ?? schema;
    const whole = { ...schema, $defs: this.definitions } as Parameters<typeof z.fromJSONSchema>[0];
    const compiled = this.compiled.get(key) ?? z.fromJSONSchema(whole);
    this.compiled.set(key, compiled);
    return compiled;
  }

  /** Notes the named schemas that the value and its parts are of. */
  private note(schema: JsonSchema, value: unknown): void {
    const name = nameOf(schema);
    if (name) {
      if (this.compile(schema).safeParse(value).success) this.exercised.add(name);
      this.note(this.definitions[name] ?? {}, value);
    }
    for (const alternative of [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])])
      if (this.compile(alternative).safeParse(value).success) this.note(alternative, value);
    if (Array.isArray(value)) {
      if (schema.items) for (const item of value) this.note(schema.items, item);
    } else if (typeof value === 'object' && value !== null) {
      for (const [field, part] of Object.entries(value))
        if (schema.properties?.[field]) this.note(schema.properties[field], part);
    }
  }
}

/** The name that the schema refers to; '' if it is one itself. */
const nameOf = ({ $ref = '' }: JsonSchema): string => $ref.split('/').at(-1) ?? '';

/** The alternative of the stream's event that has this name. */
function eventSchemaOf(definitions: Record<string, JsonSchema>, event: string): JsonSchema | undefined {
  const alternatives = (schema: JsonSchema | undefined): JsonSchema[] => {
    const target = schema?.$ref ? definitions[nameOf(schema)] : schema;
    return target?.oneOf ? target.oneOf.flatMap(alternatives) : target ? [target] : [];
  };
  return alternatives(definitions[EVENT]).find(({ properties }) => properties?.event?.enum?.includes(event));
}

export const referencesIn = (schema: unknown): string[] =>
  [...JSON.stringify(schema ?? {}).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].flatMap(([, name]) => name ?? []);

/** The schema as JSON Schema has it: references within itself, and null as an alternative. */
export function withOwnReferences(schema: JsonSchema): JsonSchema {
  const text = JSON.stringify(schema).replaceAll(REFERENCE, '#/$defs/');
  return JSON.parse(text, (_key, value: JsonSchema | null) => {
    if (typeof value !== 'object' || value?.nullable !== true) return value;
    const rest = Object.fromEntries(Object.entries(value).filter(([keyword]) => keyword !== 'nullable'));
    return Object.keys(rest).length === 0 ? {} : { anyOf: [rest, { type: 'null' }] };
  }) as JsonSchema;
}
