/**
 * An operation is declared once: routing, validation, the OpenAPI document and the operation list come from this value.
 */
import type { InvocationContext } from '@azure/functions';
import { z } from 'zod';
import type { Principal, Role } from '../principal';
import type { Scope } from '../scope';
import type { Connection } from './connection';

export type Method = 'get' | 'post' | 'delete';

/** What a handler is given: validated input, and the invocation it runs in. */
export interface Call<P = unknown, Q = unknown, B = unknown> {
  scope: Scope;
  /** Who calls; `scope.tenant` is theirs. */
  principal: Principal;
  params: P;
  query: Q;
  body: B;
  /** The JSON body as it was sent; empty where there is none, or the handler reads `request` itself. */
  bytes: Uint8Array;
  /** Whether the base path has unknown fields of a body dropped instead of refused; JSON bodies are validated by it already. */
  toleratesUnknownFields: boolean;
  /** The api-version of the query, which is well formed; undefined where there is none. */
  apiVersion: string | undefined;
  request: Request;
  requestId: string;
  invocation: InvocationContext;
  connection: Connection;
}

export interface Operation {
  method: Method;
  /** Below the base path, with `{parameters}`. */
  path: string;
  summary: string;
  /** Number in the contract's operations.md; absent for operations beside it. */
  number?: number;
  /** What a caller must at least be. Declared where {@link neededRole} would say otherwise. */
  role: Role;
  /** Whether it changes something, and so is audited. Declared where {@link changesSomething} would say otherwise. */
  changes: boolean;
  /** Channels of bots call it, with tokens of their own. */
  takesChannelTokens?: boolean;
  /** The contract leaves the api-version out (oddity O22). */
  apiVersionOptional?: boolean;
  params: z.ZodObject;
  query: z.ZodObject;
  /** `raw`: the handler reads `request` itself. */
  body?: z.ZodType | 'raw';
  /** The body below `/api/projects`, where that is not `body`. */
  projectBody?: z.ZodType;
  /** Largest JSON body in bytes, where it is not that of the settings. */
  maxBodyBytes?: number;
  /** Of the success answer. `raw`: bytes. */
  response: z.ZodType | 'raw';
  /** The declaration that takes this one's place under the present settings, with the same path and role; undefined where none does. */
  instead?: () => Operation | undefined;
  handle: (call: Call) => Promise<unknown>;
}

interface Declaration<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodType,
  F extends z.ZodType,
> extends Omit<Operation, 'role' | 'changes' | 'params' | 'query' | 'body' | 'projectBody' | 'handle'> {
  role?: Role;
  changes?: boolean;
  params?: P;
  query?: Q;
  body?: B | 'raw';
  projectBody?: F;
  /** The answer's JSON value, or a whole Response. */
  handle: (call: Call<z.output<P>, z.output<Q>, z.output<B> | z.output<F>>) => Promise<unknown>;
}

const nothing = z.object({});

/** Families that one uses; what the others hold, one manages. */
const used = new Set([
  ...['deployments', 'completions', 'embeddings', 'chat', 'audio', 'images', 'moderations', 'realtime', 'realtimeapi'],
  ...['threads', 'responses', 'conversations', 'containers'],
]);

/** Users read everything and use what is there; whatever else writes is for contributors, so that a new family is not open by mistake. */
export const neededRole = (method: Method, path: string): Role =>
  method === 'get' || used.has(path.split('/')[1] ?? '') ? 'user' : 'contributor';

/** Families whose POSTs only infer: they answer from what they are given, and keep nothing. */
const inferring = new Set(['deployments', 'completions', 'embeddings', 'chat', 'audio', 'images', 'moderations']);

/** Whatever does not read and is no inference: a new family is not left out of the audit by mistake. */
export const changesSomething = (method: Method, path: string): boolean =>
  method !== 'get' && !inferring.has(path.split('/')[1] ?? '');

/** Declares an operation; the types of `handle` follow from the schemas. */
export function operation<
  P extends z.ZodObject = typeof nothing,
  Q extends z.ZodObject = typeof nothing,
  B extends z.ZodType = z.ZodUndefined,
  F extends z.ZodType = B,
>(declaration: Declaration<P, Q, B, F>): Operation {
  // The edge validates with these very schemas before it calls `handle`, so its input has just these types.
  return {
    ...declaration,
    role: declaration.role ?? neededRole(declaration.method, declaration.path),
    changes: declaration.changes ?? changesSomething(declaration.method, declaration.path),
    params: declaration.params ?? nothing,
    query: declaration.query ?? nothing,
  } as unknown as Operation;
}

/** Path parameters of these names. */
export function pathParams<K extends string>(...names: K[]): z.ZodObject<Record<K, z.ZodString>> {
  return z.object(Object.fromEntries(names.map((name) => [name, z.string().min(1)])) as Record<K, z.ZodString>);
}

const objectIds = new WeakMap<Response, string>();

/** Notes which object a stream is about: its events come too late for the audit. */
export function aboutObject(response: Response, id: string): Response {
  objectIds.set(response, id);
  return response;
}

/** Id of the object that an answer shows, where it says so. */
export function objectIdOf(value: unknown): string | undefined {
  if (value instanceof Response) return objectIds.get(value);
  const id: unknown = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** The JSON answer about something that is under way, with the header by which SDKs know how soon to look again. */
export const polled = (value: unknown): Response =>
  Response.json(value, { headers: { 'openai-poll-after-ms': '200' } });
