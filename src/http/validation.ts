/** Validates input with its schema and words what is wrong as the services do. */
import type { z } from 'zod';
import { errors, type ApiError } from '../errors';
import { TO_FIRST_FAULT } from '../firstFault';

type Issue = z.core.$ZodIssue;

/** What Foundry takes and this version lacks: without these a request would mean something else, so they are never dropped. */
const lacking = ['data_source', 'data_sources', 'configuration', 'azure_ai_search', 'vector_stores'];

/**
 * The value as the schema reads it. Throws 400 naming the parameter. With `tolerant`, unknown fields are dropped instead of refused, but for those
 * that would change what is asked for.
 */
export function validate<T extends z.ZodType>(schema: T, value: unknown, tolerant = false): z.output<T> {
  const parsed = schema.safeParse(value, TO_FIRST_FAULT);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  if (tolerant && issues.some(isUnknown)) {
    const unknown = (schema.safeParse(value).error?.issues ?? []).filter(isUnknown);
    for (const { keys, path } of unknown) {
      const key = keys.find((name) => lacking.includes(name));
      if (key !== undefined) throw errors.unsupported(parameterName([...path, key]));
    }
    return validate(schema, without(value, unknown), false);
  }
  const issue = firstRelevant(issues, value);
  throw toApiError(issue, value, takesFractions(schema, value, issue));
}

type UnknownKeys = Extract<Issue, { code: 'unrecognized_keys' }>;
const isUnknown = (issue: Issue): issue is UnknownKeys => issue.code === 'unrecognized_keys';

/** A copy of the value without the fields that the issues name. */
function without(value: unknown, issues: UnknownKeys[]): unknown {
  const copy: unknown = structuredClone(value);
  for (const issue of issues) {
    const parent = issue.path.reduce<unknown>((at, key) => property(at, key), copy);
    if (isObject(parent)) for (const key of issue.keys) delete parent[key];
  }
  return copy;
}

/** Whether the schema takes fractions at the path: issues about bounds don't tell. */
function takesFractions(schema: z.ZodType, value: unknown, issue: Issue): boolean {
  if ((issue.code !== 'too_big' && issue.code !== 'too_small') || issue.origin !== 'number') return false;
  const { path } = issue;
  const name = path.at(-1);
  const copy: unknown = structuredClone(value);
  const parent = path.slice(0, -1).reduce<unknown>(property, copy);
  if (name === undefined || !isObject(parent)) return false;
  parent[name] = 0.5;
  const issues = schema.safeParse(copy, TO_FIRST_FAULT).error?.issues ?? [];
  return !issues.some((issue) => issue.code === 'invalid_type' && parameterName(issue.path) === parameterName(path));
}

const isObject = (value: unknown): value is Record<PropertyKey, unknown> => typeof value === 'object' && value !== null;
const property = (value: unknown, key: PropertyKey): unknown => (isObject(value) ? value[key] : undefined);

/** Descends into a union: the branch that fits best (fewest issues, deepest path) knows what is wrong. */
function firstRelevant(issues: Issue[], input: unknown, prefix: PropertyKey[] = []): Issue {
  const issue = issues[0];
  if (!issue) throw new Error('A failed validation without an issue.');
  const located: Issue = { ...issue, path: [...prefix, ...issue.path] };
  if (located.code !== 'invalid_union' || located.errors.length === 0) return located;
  const branches = located.errors.map((branch) => firstRelevant(branch, input, located.path));
  const value = located.path.reduce<unknown>(property, input);
  // The branch of the right type knows the limit that was passed, or the values that there are.
  const ofLimit = ({ code }: Issue): boolean => code === 'too_big' || code === 'too_small';
  const depth = Math.max(...branches.map(({ path }) => path.length));
  const deepest = branches.filter(({ path }) => path.length === depth);
  if (depth > located.path.length) return deepest.find(ofLimit) ?? deepest[0] ?? located;
  return (
    branches.find(ofLimit) ??
    branches.find((branch) => branch.code === 'invalid_value' && typeof branch.values[0] === typeof value) ??
    located
  );
}

/** `tools[0].function.name`, as the services write it. */
function parameterName(path: PropertyKey[]): string {
  return path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name}[${key}]`;
    return name ? `${name}.${String(key)}` : String(key);
  }, '');
}

function toApiError(issue: Issue, input: unknown, fractions: boolean): ApiError {
  const param = parameterName(issue.path);
  const given = issue.path.reduce<unknown>(property, input);
  if (issue.code === 'unrecognized_keys') {
    const name = parameterName([...issue.path, issue.keys[0] ?? '']);
    return errors.invalidParameter(`Unknown parameter: '${name}'.`, 'unknown_parameter', name);
  }
  if (given === undefined && issue.code !== 'custom') {
    return errors.invalidParameter(`Missing required parameter: '${param}'.`, 'missing_required_parameter', param);
  }
  const [message, code] = describe(issue, param, given, fractions);
  return errors.invalidParameter(message, code, param);
}

function describe(issue: Issue, param: string, given: unknown, fractions: boolean): [message: string, code: string] {
  switch (issue.code) {
    case 'invalid_type':
      return [
        `Invalid type for '${param}': expected ${article(typeName(issue.expected))}, but got ${article(nameOf(given))} instead.`,
        'invalid_type',
      ];
    case 'invalid_value':
      return [supported(given, issue.values), 'invalid_value'];
    case 'invalid_union':
      if (issue.errors.length === 0 && 'options' in issue && Array.isArray(issue.options) && typeof given === 'string')
        return [supported(given, issue.options), 'invalid_value'];
      return [
        `Invalid value for '${param}': ${article(nameOf(given))} of this form is not supported.`,
        'invalid_value',
      ];
    case 'invalid_key':
      return longName(issue);
    case 'custom': {
      const code: unknown = issue.params?.code;
      return [
        `Invalid '${param}': ${issue.message.replace(/\.$/, '')}.`,
        typeof code === 'string' ? code : 'invalid_value',
      ];
    }
    case 'too_big':
      return limit(param, given, originOf(issue.origin, fractions), 'above', 'maximum', Number(issue.maximum));
    case 'too_small':
      return limit(param, given, originOf(issue.origin, fractions), 'below', 'minimum', Number(issue.minimum));
    default:
      return [`Invalid '${param}': ${issue.message.replace(/\.$/, '')}.`, 'invalid_value'];
  }
}

const supported = (given: unknown, values: readonly unknown[]): string =>
  `Invalid value: '${short(given)}'. Supported values are: ${listing(values)}.`;

/** The name of a pair of an object, of which schemas bound the length. */
function longName({ path, issues: [inner] }: Extract<Issue, { code: 'invalid_key' }>): [string, string] {
  const name = String(path.at(-1));
  const maximum = inner?.code === 'too_big' ? inner.maximum : 'of its schema';
  return [
    `Invalid property name in '${parameterName(path.slice(0, -1))}': '${short(name)}' is too long. Expected a string with maximum length ${maximum}, but got a string with length ${charactersOf(name)} instead.`,
    'property_name_above_max_length',
  ];
}

const originOf = (origin: string, fractions: boolean): string => (origin === 'number' && !fractions ? 'int' : origin);

function limit(
  param: string,
  given: unknown,
  origin: string,
  side: string,
  bound: string,
  value: number,
): [string, string] {
  if (origin === 'string') {
    const length = typeof given === 'string' ? charactersOf(given) : 0;
    const word = side === 'above' ? 'long' : 'short';
    return [
      `Invalid '${param}': string too ${word}. Expected a string with ${bound} length ${value}, but got a string with length ${length} instead.`,
      `string_${side}_${bound === 'maximum' ? 'max' : 'min'}_length`,
    ];
  }
  if (origin === 'array') {
    const length = Array.isArray(given) ? given.length : 0;
    const word = side === 'above' ? 'long' : 'short';
    return [
      `Invalid '${param}': array too ${word}. Expected an array with ${bound} length ${value}, but got an array with length ${length} instead.`,
      `array_${side}_${bound === 'maximum' ? 'max' : 'min'}_length`,
    ];
  }
  const kind = origin === 'int' ? 'integer' : 'decimal';
  const sign = side === 'above' ? '<=' : '>=';
  return [
    `Invalid '${param}': ${kind} ${side} ${bound} value. Expected a value ${sign} ${value}, but got ${short(given)} instead.`,
    `${kind}_${side}_${bound === 'maximum' ? 'max' : 'min'}_value`,
  ];
}

const typeName = (expected: string): string => ({ int: 'integer', record: 'object' })[expected] ?? expected;
const nameOf = (value: unknown): string => {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
};
const article = (noun: string): string => (noun === 'null' ? noun : `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`);
/** What limits of texts count: a character may be two UTF-16 units. */
const charactersOf = (text: string): number =>
  text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g) ?? []).length;
const short = (value: unknown): string =>
  String(typeof value === 'object' ? JSON.stringify(value) : value).slice(0, 200);
const listing = (values: readonly unknown[]): string => {
  const quoted = values.map((value) => `'${String(value)}'`);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
};
