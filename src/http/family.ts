/** Serves families of operations: one Azure function per family and base path, routed by Hono inside. */
import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions';
import { OpenAPIHono } from '@hono/zod-openapi';
import * as df from 'durable-functions';
import { randomUUID } from 'node:crypto';
import type { AuditEvent } from '../auditEvent';
import { errors } from '../errors';
import { auditEvent } from './audit';
import { authorize, type Authenticate } from './authentication';
import { basePaths, checkApiVersion, checkProject, locate, type BasePath, type LocatedPath } from './basePaths';
import { bodyBudget } from './bodyBudget';
import { connectionOf, type Connection } from './connection';
import { addLogFields, inLogScope, logFault } from '../log';
import { errorResponse, isFault, toApiError } from './errorResponse';
import { readJsonBody } from './jsonBody';
import type { Principal } from '../principal';
import type { Call, Operation } from './operation';
import { validate } from './validation';

export interface Family {
  /** First segment of its operations' paths, and part of its functions' names. */
  name: string;
  operations: Operation[];
  /** Its operations start no orchestration, so its calls need not carry what that takes. */
  isStateless?: boolean;
}

/** What the edge needs of the settings. */
export interface EdgeSettings {
  authenticate: Authenticate;
  /** Told of every operation that changes something; absent: nobody is. The answer waits for what it returns, which does not reject. */
  audit?: (event: AuditEvent, invocation: InvocationContext) => Promise<void>;
  /** Of operations that channels call. */
  authenticateChannel: Authenticate;
  /** Of JSON bodies. */
  maxBodyBytes: number;
}

/** The request as it travels through Hono. */
interface Invocation {
  Bindings: {
    invocation: InvocationContext;
    located: LocatedPath;
    requestId: string;
    url: URL;
    settings: EdgeSettings;
  };
}

/** All of them: a method that no function lists would be answered by the host, with an empty 404. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** Registers the family's functions. `settings` is called per request: a wrong setting answers, it doesn't throw at import. */
export function registerFamily(family: Family, settings: () => EdgeSettings): void {
  const router = routerOf(family.operations);
  for (const base of basePaths) {
    register(
      `${base.name}-${family.name.replaceAll('_', '-')}`,
      `${base.route}/${family.name}/{*rest}`,
      router,
      settings,
      family.isStateless,
    );
  }
}

/**
 * Registers one function per base path that answers every other path: that it is unknown. The host takes the first function by name whose route
 * matches, so these names sort last.
 */
export function registerCatchAll(settings: () => EdgeSettings): void {
  const router = routerOf([]);
  for (const base of basePaths) register(`zz-${base.name}`, `${base.route}/{*rest}`, router, settings, true);
}

/** Registers a function for a path below no base path, which needs no key. `client`: the handler is given what reaches orchestrations by its invocation. */
export function registerOpen(
  name: string,
  route: string,
  handle: (invocation: InvocationContext) => Response | Promise<Response>,
  { client = false }: { client?: boolean } = {},
): void {
  app.http(name, {
    methods: ['GET'],
    route,
    extraInputs: client ? [df.input.durableClient()] : [],
    handler: async (_request, invocation) => {
      const requestId = randomUUID();
      return inLogScope(invocation, { request: requestId }, async () => {
        try {
          return answerOf(await handle(invocation), requestId);
        } catch (error) {
          return answerOf(failed(error), requestId);
        }
      });
    },
  });
}

function register(
  name: string,
  route: string,
  router: OpenAPIHono<Invocation>,
  settings: () => EdgeSettings,
  isStateless = false,
): void {
  app.http(name, {
    methods: [...METHODS],
    authLevel: 'anonymous',
    route,
    extraInputs: isStateless ? [] : [df.input.durableClient()],
    handler: async (request, invocation) => {
      const requestId = randomUUID();
      return inLogScope(invocation, { request: requestId }, async () =>
        serve(request, invocation, requestId, router, settings),
      );
    },
  });
}

/** Answers one request. Never throws and always returns: the real host hangs on anything else. */
async function serve(
  request: HttpRequest,
  invocation: InvocationContext,
  requestId: string,
  router: OpenAPIHono<Invocation>,
  settings: () => EdgeSettings,
): Promise<HttpResponseInit> {
  try {
    const url = new URL(request.url);
    const located = locate(url.pathname);
    if (!located) throw errors.unknownUrl(request.method, url.pathname);
    const response = await router.fetch(toWebRequest(request), {
      invocation,
      located,
      requestId,
      url,
      settings: settings(),
    });
    return answerOf(response, requestId);
  } catch (error) {
    return answerOf(failed(error), requestId);
  }
}

function toWebRequest(request: HttpRequest): Request {
  const hasBody = !['GET', 'HEAD'].includes(request.method) && request.body !== null;
  return new Request(request.url, {
    method: request.method,
    headers: request.headers,
    ...(hasBody ? { body: request.body, duplex: 'half' } : {}),
  });
}

function answerOf(response: Response, requestId: string): HttpResponseInit {
  const { headers } = response;
  headers.set('x-request-id', requestId);
  // That of the service behind, where it gave one, is what its operators ask for.
  if (!headers.has('apim-request-id')) headers.set('apim-request-id', requestId);
  return { status: response.status, headers, body: response.body as HttpResponseInit['body'] };
}

function failed(error: unknown): Response {
  if (isFault(error)) logFault('The request failed.', error);
  return errorResponse(error);
}

function routerOf(operations: Operation[]): OpenAPIHono<Invocation> {
  // Routed by the path below the base, which was split off already; a trailing slash does not matter.
  const router = new OpenAPIHono<Invocation>({
    getPath: (_request, options) =>
      isBindings(options?.env) ? options.env.located.rest.replace(/(?<=.)\/$/, '') : '/',
  });
  // Hono takes the first match: `/threads/runs` goes before `/threads/{thread_id}`.
  const literalFirst = operations.toSorted((a, b) => parametersIn(a.path) - parametersIn(b.path));
  for (const declared of literalFirst) {
    const path = declared.path.replace(/\{(\w+)\}/g, ':$1');
    router.on(declared.method.toUpperCase(), path, async (c) => {
      // Before the body is read: a caller who leaves meanwhile is noticed.
      const connection = connectionOf(c.env.invocation.invocationId);
      try {
        return await answer(declared.instead?.() ?? declared, c.req.raw, c.req.param(), c.env, connection);
      } catch (error) {
        // What failed because nobody is there any more is no fault.
        throw connection.signal.aborted ? errors.callerLeft() : error;
      } finally {
        bodyBudget.end(c.req.raw);
      }
    });
  }
  router.notFound(async (c) => {
    const { located, url, settings } = c.env;
    const rest = inOurCase(literalFirst, located.rest);
    if (rest !== located.rest) return router.fetch(c.req.raw, { ...c.env, located: { ...located, rest } });
    try {
      checkApiVersion(url.searchParams.get('api-version'), located.base, true);
      await settings.authenticate(c.req.raw.headers);
      const allowed = operations
        .filter(({ path }) => matches(path, located.rest))
        .map(({ method }) => method.toUpperCase());
      if (allowed.length > 0) throw errors.methodNotAllowed(c.req.method, url.pathname, allowed);
      throw errors.unknownUrl(c.req.method, url.pathname);
    } catch (error) {
      return failed(error);
    }
  });
  router.onError((error) => failed(error));
  return router;
}

async function answer(
  declared: Operation,
  request: Request,
  params: Record<string, string>,
  bindings: Invocation['Bindings'],
  connection: Connection,
): Promise<Response> {
  const { located, requestId, url, settings, invocation } = bindings;
  checkApiVersion(url.searchParams.get('api-version'), located.base, declared.apiVersionOptional ?? false);
  const authenticate = declared.takesChannelTokens ? settings.authenticateChannel : settings.authenticate;
  const principal = await authenticate(request.headers);
  const handle = async () => handled(declared, request, params, bindings, connection, principal);
  if (!declared.changes || !settings.audit) return responseOf(await handle());
  const facts = { declared, principal, project: located.project, params, requestId };
  try {
    const value = await handle();
    const response = responseOf(value);
    await settings.audit(auditEvent(facts, response.status, value), invocation);
    return response;
  } catch (error) {
    await settings.audit(auditEvent(facts, toApiError(error).status), invocation);
    throw error;
  }
}

const responseOf = (value: unknown): Response => (value instanceof Response ? value : Response.json(value));

/** What the operation's handler answers to the request. */
async function handled(
  declared: Operation,
  request: Request,
  params: Record<string, string>,
  { located, requestId, url, settings, invocation }: Invocation['Bindings'],
  connection: Connection,
  principal: Principal,
): Promise<unknown> {
  authorize(principal, declared, located.project);
  checkProject(located.project);
  const { run_id: run, thread_id: thread, response_id: response } = params;
  addLogFields({ tenant: principal.tenant, run, thread, response });
  const encoding = request.headers.get('content-encoding');
  if (encoding && !/^identity$/i.test(encoding)) throw errors.wrongContentEncoding(encoding.slice(0, 100));
  const call: Call = {
    scope: { tenant: principal.tenant, project: located.project },
    principal,
    params: validate(declared.params, params),
    query: validate(declared.query, queryOf(url)),
    ...(await bodyOf(declared, request, located.base, settings.maxBodyBytes)),
    toleratesUnknownFields: located.base.toleratesUnknownFields,
    apiVersion: url.searchParams.get('api-version') || undefined,
    request,
    requestId,
    invocation,
    connection,
  };
  return declared.handle(call);
}

const isBindings = (env: object | undefined): env is Invocation['Bindings'] => env !== undefined && 'located' in env;

const parametersIn = (path: string): number => path.split('{').length - 1;

/** The path with the fixed parts of the operation that it names as they are declared: the host, as Azure, does not mind their case. */
function inOurCase(operations: Operation[], rest: string): string {
  for (const { path } of operations) {
    if (!matches(path, rest, 'i')) continue;
    const given = rest.split('/');
    return path
      .split('/')
      .map((part, place) => (part.startsWith('{') ? given[place] : part))
      .join('/');
  }
  return rest;
}

const matches = (path: string, rest: string, flags?: 'i'): boolean =>
  new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}/?$`, flags).test(rest);

/**
 * Query values by name; `name[]`, whose brackets `@azure/ai-agents` encodes twice, collects its values, which the .NET SDK of Azure joins by commas; of another
 * name the last counts.
 */
function queryOf(url: URL): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  for (const [given, value] of url.searchParams) {
    const name = given.replace(/%5b%5d$/i, '[]');
    query[name] = name.endsWith('[]') ? [...(query[name] ?? []), ...value.split(',')] : value;
  }
  return query;
}

async function bodyOf(
  declared: Operation,
  request: Request,
  base: BasePath,
  maxBytes: number,
): Promise<Pick<Call, 'body' | 'bytes'>> {
  if (!declared.body || declared.body === 'raw') return { body: undefined, bytes: new Uint8Array() };
  const { bytes, value } = await readJsonBody(request, declared.maxBodyBytes ?? maxBytes);
  const tolerant = base.toleratesUnknownFields;
  const schema = (tolerant && declared.projectBody) || declared.body;
  return { body: validate(schema, value, tolerant), bytes };
}
