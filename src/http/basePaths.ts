/** The base paths that serve the operations, and what each asks of the api-version. */
import { errors } from '../errors';

export interface BasePath {
  /** Used in function names; short and unique. */
  name: string;
  /** Route template of the Functions host, without a leading slash. */
  route: string;
  /** Whether the api-version may not be missing. */
  requiresApiVersion: boolean;
  /** Whether unknown fields of a body are tolerated instead of refused. */
  toleratesUnknownFields: boolean;
}

const foundry = { requiresApiVersion: false, toleratesUnknownFields: true };
const plain = { requiresApiVersion: false, toleratesUnknownFields: false };

/** Longest first, so that the first whose route begins a path is the path's own. */
export const basePaths: readonly BasePath[] = [
  { name: 'projects-openai-v1', route: 'api/projects/{project}/openai/v1', ...foundry },
  { name: 'projects-openai', route: 'api/projects/{project}/openai', ...foundry },
  { name: 'projects', route: 'api/projects/{project}', ...foundry },
  { name: 'openai-v1', route: 'openai/v1', ...plain },
  { name: 'openai', route: 'openai', requiresApiVersion: true, toleratesUnknownFields: false },
  { name: 'v1', route: 'v1', ...plain },
];

const matchers = basePaths.map((base) => ({
  base,
  // The Functions host matches routes without regard to case.
  pattern: new RegExp(`^/${base.route.replace('{project}', '([^/]+)')}(?=/|$)`, 'i'),
}));

export interface LocatedPath {
  base: BasePath;
  /** `-` outside Foundry paths. */
  project: string;
  /** The path below the base, beginning with `/`. */
  rest: string;
}

/** Splits a URL's path into base path, project and the operation's own path; undefined if it is below no base path. */
export function locate(pathname: string): LocatedPath | undefined {
  for (const { base, pattern } of matchers) {
    const match = pattern.exec(pathname);
    if (match) return { base, project: match[1] ?? '-', rest: pathname.slice(match[0].length) || '/' };
  }
  return undefined;
}

/** Characters of a project's name as it stands in the path: it is part of the keys of records. Foundry's own are shorter. */
const MAX_PROJECT = 128;

/** Throws 400 for a project that nothing can be stored for. */
export function checkProject(project: string): void {
  if (project.length > MAX_PROJECT)
    throw errors.invalidParameter(
      `The project's name is longer than ${MAX_PROJECT} characters.`,
      'invalid_value',
      'project',
    );
}

/**
 * Serves every well-formed dated version, `preview`, `latest` and `v1`. Throws 400 for a malformed one, and for a missing one where the base path
 * asks for it, unless the operation is one whose contract leaves it out (`optional`, oddity O22).
 */
export function checkApiVersion(version: string | null, base: BasePath, optional: boolean): void {
  if (!version) {
    if (base.requiresApiVersion && !optional) throw errors.missingApiVersion();
    return;
  }
  const dated = /^(\d{4}-\d{2}-\d{2})(-preview)?$/.exec(version)?.[1];
  if (dated ? isDate(dated) : /^(preview|latest|v1)$/.test(version)) return;
  throw errors.malformedApiVersion(version.slice(0, 100));
}

function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
