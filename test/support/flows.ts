/** What flows and channels send to a host, without an SDK: they have none. */
import type { Host, Tenant } from './host';

export type Json = Record<string, unknown>;

export interface FlowRequest {
  tenant?: Tenant;
  project?: string;
  /** In place of the key of the tenant. */
  headers?: Record<string, string>;
}

export interface FlowAnswer {
  status: number;
  headers: Headers;
  body: Json;
}

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** Sends it below a project. */
export async function sendFlow(
  host: Host,
  method: string,
  path: string,
  body?: unknown,
  { tenant, project = 'p1', headers }: FlowRequest = {},
): Promise<FlowAnswer> {
  const answer = await fetch(path.startsWith('http') ? path : `${host.url}/api/projects/${project}${path}`, {
    method,
    headers: {
      ...(headers ?? { authorization: `Bearer ${host.key(tenant)}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const value: unknown = await answer.json();
  return { status: answer.status, headers: answer.headers, body: isJson(value) ? value : {} };
}
