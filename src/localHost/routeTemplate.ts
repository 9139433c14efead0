/** Route templates in the inline syntax of the real host: `items/{id:int}/{part?}`, `files/{*rest}`. */
import { parseConstraint, type Constraint } from './routeConstraints';

export type RouteParams = Record<string, string>;

/** A template that can be tried on paths. */
export interface RouteTemplate {
  /** Values of the parameters (those without a value are absent), or undefined if the path does not match. */
  match(path: string): RouteParams | undefined;
}

interface Parameter {
  name: string;
  catchAll: boolean;
  optional: boolean;
  defaultValue: string | undefined;
  constraints: Constraint[];
}

type Part = string | Parameter;

/**
 * Compiles a template. Paths begin with `/` and are decoded; letter case and one trailing slash don't matter. Throws an Error
 * that says what is wrong with the template.
 */
export function parseRouteTemplate(template: string): RouteTemplate {
  const segments = splitSegments(splitParts(template));
  const parameters = segments.flat().filter((part) => typeof part !== 'string');
  const names = parameters.map(({ name }) => name.toLowerCase());
  if (new Set(names).size < names.length) throw new Error('a route parameter appears twice.');
  const pattern = new RegExp(`^${segmentsPattern(segments)}/?$`, 'is');
  return { match: (path) => matchParameters(pattern.exec(path), parameters) };
}

function matchParameters(found: RegExpExecArray | null, parameters: Parameter[]): RouteParams | undefined {
  if (!found) return undefined;
  const params: RouteParams = {};
  for (const [index, parameter] of parameters.entries()) {
    const value = found[index + 1] || parameter.defaultValue;
    if (value === undefined) continue;
    if (!parameter.constraints.every((accepts) => accepts(value))) return undefined;
    params[parameter.name] = value;
  }
  return params;
}

/** From the end backwards: a segment may be left out only when everything after it may. */
function segmentsPattern(segments: Part[][]): string {
  let pattern = '';
  let restMayBeAbsent = true;
  for (const [index, parts] of [...segments.entries()].reverse()) {
    const only = parts.length === 1 ? parts[0] : undefined;
    const parameter = typeof only === 'object' ? only : undefined;
    if (parameter?.catchAll) {
      if (index < segments.length - 1) throw new Error(`{*${parameter.name}} must be the last segment.`);
      pattern = '(?:/(.*))?';
    } else if (parameter && (parameter.optional || parameter.defaultValue !== undefined) && restMayBeAbsent) {
      pattern = `(?:/([^/]+)${pattern})?`;
    } else {
      restMayBeAbsent = false;
      pattern = `/${segmentPattern(parts)}${pattern}`;
    }
  }
  return pattern;
}

function segmentPattern(parts: Part[]): string {
  if (parts.length > 1 && parts.some((part) => typeof part === 'object' && (part.catchAll || part.optional))) {
    throw new Error('an optional or catch-all parameter must be a whole segment.');
  }
  return parts.map((part) => (typeof part === 'string' ? escapeRegExp(part) : '([^/]+)')).join('');
}

function splitSegments(parts: Part[]): Part[][] {
  const segments: Part[][] = [[]];
  for (const part of parts) {
    if (typeof part === 'object') {
      segments.at(-1)?.push(part);
      continue;
    }
    for (const [index, text] of part.split('/').entries()) {
      if (index > 0) segments.push([]);
      if (text) segments.at(-1)?.push(text);
    }
  }
  return segments.filter((segment) => segment.length > 0);
}

/** Literal texts and parameters in order; `{{` and `}}` stand for braces. */
function splitParts(template: string): Part[] {
  const parts: Part[] = [];
  let text = '';
  let inside = false;
  for (let at = 0; at < template.length; at++) {
    const char = template.charAt(at);
    if ((char === '{' || char === '}') && template.charAt(at + 1) === char) {
      text += char;
      at++;
    } else if (char === (inside ? '}' : '{')) {
      if (inside) parts.push(parseParameter(text));
      else if (text) parts.push(text);
      text = '';
      inside = !inside;
    } else text += char;
  }
  if (inside) throw new Error('a brace of the route is not closed.');
  return text ? [...parts, text] : parts;
}

/** `*rest`, `id:int:min(1)`, `id?`, `id=5`. */
function parseParameter(text: string): Parameter {
  const [, stars = '', name = '', tail = ''] = /^(\*{0,2})(\w+)(.*)$/s.exec(text) ?? [];
  if (!name) throw new Error(`'{${text}}' is not a route parameter.`);
  const constraints: Constraint[] = [];
  let rest = tail;
  for (let found; (found = /^:(\w+)(\()?/.exec(rest));) {
    rest = rest.slice(found[0].length);
    const length = found[2] ? argumentLength(rest) : undefined;
    constraints.push(parseConstraint(found[1] ?? '', length === undefined ? undefined : rest.slice(0, length)));
    if (length !== undefined) rest = rest.slice(length + 1);
  }
  if (!/^(\?|=.*)?$/s.test(rest)) throw new Error(`'{${text}}' is not a route parameter.`);
  return {
    name,
    catchAll: stars !== '',
    optional: rest === '?',
    defaultValue: rest.startsWith('=') ? rest.slice(1) : undefined,
    constraints,
  };
}

/** Length of the text before the parenthesis that closes it. */
function argumentLength(text: string): number {
  let depth = 1;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '\\') at++;
    else if (char === '(') depth++;
    else if (char === ')' && --depth === 0) return at;
  }
  throw new Error('a parenthesis of a route constraint is not closed.');
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
