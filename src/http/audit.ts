/** What the edge tells of operations that change something. */
import type { AuditEvent } from '../auditEvent';
import type { Principal } from '../principal';
import { objectIdOf, type Operation } from './operation';

/** Ids are shorter; what callers put in their place need not be kept whole. */
const MAX_ID = 128;

interface AuditFacts {
  declared: Operation;
  principal: Principal;
  project: string;
  params: Record<string, string>;
  requestId: string;
}

/** The event of an operation that was answered with the status. `value`: the answer of its handler. */
export function auditEvent(
  { declared, principal, project, params, requestId }: AuditFacts,
  status: number,
  value?: unknown,
): AuditEvent {
  const id = objectIdOf(value);
  const named = Object.entries({ ...params, ...(id !== undefined && { id }) });
  return {
    time: new Date(Date.now()).toISOString(),
    tenant: principal.tenant,
    project,
    principal: principal.id,
    operation: `${declared.method.toUpperCase()} ${declared.path}`,
    object: Object.fromEntries(named.map(([name, text]) => [name, text.slice(0, MAX_ID)])),
    request_id: requestId,
    status,
    outcome: outcomeOf(status),
  };
}

function outcomeOf(status: number): AuditEvent['outcome'] {
  if (status < 400) return 'succeeded';
  return status < 500 ? 'refused' : 'failed';
}
