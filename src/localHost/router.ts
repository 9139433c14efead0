/**
 * Which function answers a request, by the real host's rules: functions sorted by name, first match wins, the method is part of
 * the match. A literal route does not beat a parameter or a catch-all.
 */
import type { HostFunction } from './functionTable';
import { parseRouteTemplate, type RouteParams, type RouteTemplate } from './routeTemplate';

interface Route {
  entry: HostFunction;
  methods: Set<string>;
  /** The template's text by which conflicts are found. */
  key: string;
  template: RouteTemplate;
}

/** The function for a request and the values of its route's parameters. */
export interface RouteMatch {
  entry: HostFunction;
  params: RouteParams;
}

export class Router {
  private readonly routes: Route[] = [];

  /**
   * `functions` are http functions sorted by name, `prefix` is host.json's route prefix. A function whose route is wrong,
   * reserved, or taken by a function before it is told to `onError` and left out.
   */
  constructor(functions: HostFunction[], prefix: string, onError: (functionName: string, message: string) => void) {
    for (const entry of functions) {
      try {
        this.add(entry, prefix);
      } catch (error) {
        onError(entry.name, error instanceof Error ? error.message : String(error));
      }
    }
  }

  /** `path` is decoded and begins with `/`. */
  match(method: string, path: string): RouteMatch | undefined {
    for (const route of this.routes) {
      if (!route.methods.has(method)) continue;
      const params = route.template.match(path);
      if (params) return { entry: route.entry, params };
    }
    return undefined;
  }

  private add(entry: HostFunction, prefix: string): void {
    const route = routeOf(entry);
    if (/^(admin|runtime)/i.test(route))
      throw new Error(`the route '${route}' conflicts with one or more built in routes.`);
    const key = [prefix.replace(/^\/+|\/+$/g, ''), route].filter(Boolean).join('/');
    const methods = methodsOf(entry);
    const taken = this.routes.find(
      (other) =>
        other.key.toLowerCase() === key.toLowerCase() && [...methods].some((method) => other.methods.has(method)),
    );
    if (taken) {
      throw new Error(`The route specified conflicts with the route defined by function '${taken.entry.name}'.`);
    }
    this.routes.push({ entry, methods, key, template: parseRouteTemplate(key) });
  }
}

/** A blank route counts as none, and none means the function's name. */
function routeOf({ name, trigger }: HostFunction): string {
  const route = typeof trigger.route === 'string' ? trigger.route.trim().replace(/^\/+|\/+$/g, '') : '';
  return route || name;
}

function methodsOf({ trigger }: HostFunction): Set<string> {
  const methods: unknown[] = Array.isArray(trigger.methods) ? trigger.methods : ['GET', 'POST'];
  return new Set(methods.map((method) => String(method).toUpperCase()));
}

/**
 * The path of a request target as the real host's web server sees it: percent-decoded except `%2F`, without `.` and `..`
 * segments. Text that does not decode stays as it is.
 */
export function decodePath(path: string): string {
  let decoded = path;
  if (path.includes('%')) {
    try {
      decoded = decodeURIComponent(path.replace(/%(2f)/gi, '%25$1'));
    } catch {
      decoded = path; // Not UTF-8: no route names such text, a parameter gets it as sent.
    }
  }
  return decoded.includes('/.') ? removeDotSegments(decoded) : decoded;
}

function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  const last = segments.at(-1);
  return `/${kept.join('/')}${(last === '.' || last === '..') && kept.length > 0 ? '/' : ''}`;
}
