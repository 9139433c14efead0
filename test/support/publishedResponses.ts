/** What is published of the answers and events of responses: by OpenAI (openai-2026-08.json), and by Azure for its versions by date. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { referencesIn, withOwnReferences, type JsonSchema } from './publishedSchemas';

export type Side = 'openai' | 'azure';

interface Published {
  file: string;
  response: string;
  itemList: string;
  event: string;
}
const published: Record<Side, Published> = {
  openai: {
    file: 'openai-2026-08.json',
    response: 'Response',
    itemList: 'ResponseItemList',
    event: 'ResponseStreamEvent',
  },
  azure: {
    file: 'azure-openai-2025-03-01-preview.json',
    response: 'response',
    itemList: 'responseItemList',
    event: 'responseStreamEvent',
  },
};
const { CONTRACT_DIR = join(process.cwd(), '..', 'shared', 'contract') } = process.env;
const SPECIFICATIONS = join(CONTRACT_DIR, '..', 'spec');
/** Of which Azure's version has no items, nor tools in a response. */
const NEWER = ['code_interpreter', 'mcp'];

interface Compiled {
  response: z.ZodType;
  itemList: z.ZodType;
  events: Map<string, z.ZodType>;
}
const compiled = new Map<Side, Compiled>();

/** Which side's schemas an answer must be of, by the path that it came from. */
export const sideOf = (pathname: string): Side => (/^\/openai\/(?!v1\/)/.test(pathname) ? 'azure' : 'openai');

/** Undefined where the folder with the specifications is not there. */
function schemasOf(side: Side): Compiled | undefined {
  const { file, response, itemList, event } = published[side];
  const path = join(SPECIFICATIONS, file);
  if (!existsSync(path)) return undefined;
  const known = compiled.get(side);
  if (known) return known;
  const { schemas } = (
    JSON.parse(readFileSync(path, 'utf8')) as { components: { schemas: Record<string, JsonSchema> } }
  ).components;
  const wanted = new Set([response, itemList, event]);
  for (const name of wanted) for (const named of referencesIn(schemas[name])) wanted.add(named);
  const definitions = Object.fromEntries([...wanted].map((name) => [name, withOwnReferences(schemas[name] ?? {})]));
  const compile = (name: string) =>
    z.fromJSONSchema({ $ref: `#/$defs/${name}`, $defs: definitions } as Parameters<typeof z.fromJSONSchema>[0]);
  const alternatives = definitions[event]?.anyOf ?? definitions[event]?.oneOf ?? [];
  const events = alternatives.flatMap(({ $ref = '' }): [string, z.ZodType][] => {
    const name = $ref.split('/').at(-1) ?? '';
    const type = definitions[name]?.properties?.type?.enum?.[0];
    return type === undefined ? [] : [[type, compile(name)]];
  });
  const made = { response: compile(response), itemList: compile(itemList), events: new Map(events) };
  compiled.set(side, made);
  return made;
}

/** Fields that are null though the schemas give them no null, as in the examples that both files print of responses; empty lists have no ids (operations.md 2.5). */
const MAY_BE_NULL = /^(?:(?:response\.)?(?:user|usage)|first_id|last_id)$/;

const faultsIn = (schema: z.ZodType | undefined, value: unknown, name: string): string[] => {
  if (!schema) return [`there is no published ${name}`];
  const { error } = schema.safeParse(value);
  const issues = (error?.issues ?? []).filter(
    ({ path, message }) => !(MAY_BE_NULL.test(path.join('.')) && /received null$/.test(message)),
  );
  return issues.map((issue) => `published ${name}: ${z.prettifyError(new z.ZodError([issue]))}`);
};

/** What is wrong with a response or a list of its items; nothing where the specifications are not there. */
export function answerFaultsOf(side: Side, kind: 'response' | 'itemList', value: unknown): string[] {
  const schemas = schemasOf(side);
  return schemas ? faultsIn(schemas[kind], side === 'azure' ? agreed(value) : value, `${kind} of ${side}`) : [];
}

/** What is wrong with an event. */
export function eventFaultsOf(side: Side, event: { type: string; part?: { type: string } }): string[] {
  const schemas = schemasOf(side);
  if (!schemas) return [];
  // Events that only tools of later versions have, and thoughts.
  if (side === 'azure' && (/^response\.(mcp_|queued|reasoning_)/.test(event.type) || isPartOfThoughts(event)))
    return [];
  const value = side === 'azure' ? agreed(event) : event;
  return value === undefined ? [] : faultsIn(schemas.events.get(event.type), value, `${event.type} of ${side}`);
}

const isPartOfThoughts = ({ part }: { part?: { type: string } }): boolean => part?.type === 'reasoning_text';

/** Without the items and tools that the older version does not know; undefined for an event about such an item. */
function agreed(value: unknown): unknown {
  const isNewer = (item: { type?: string }): boolean => NEWER.some((type) => item.type?.startsWith(type));
  const { response, item, output, tools, data, ...rest } = value as {
    response?: unknown;
    item?: { type: string };
    output?: { type: string }[];
    tools?: { type: string }[];
    data?: { type: string }[];
  };
  if (item && isNewer(item)) return undefined;
  const kept = (list: { type: string }[] | undefined) => list?.filter((one) => !isNewer(one));
  return {
    ...rest,
    ...(item && { item }),
    ...(output && { output: kept(output) }),
    ...(tools && { tools: kept(tools) }),
    ...(data && { data: kept(data) }),
    ...(response !== undefined && { response: agreed(response) }),
  };
}
