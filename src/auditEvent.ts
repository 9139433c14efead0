/** What is kept of an operation that changes something: who did what to which object, and how it ended. Never content. */
export interface AuditEvent {
  /** ISO 8601, UTC. */
  time: string;
  tenant: string;
  project: string;
  /** Of the caller: see `Principal.id`. */
  principal: string;
  /** As it is declared: `POST /threads/{thread_id}/runs`. */
  operation: string;
  /** Ids of the path by the names of its parameters, and `id`: that of the object that was answered. */
  object: Record<string, string>;
  request_id: string;
  /** Of the answer; a stream begins with it. */
  status: number;
  /** `refused`: the status is 4xx; `failed`: 5xx. */
  outcome: 'succeeded' | 'refused' | 'failed';
}

/** The event as a line of a log. `log` is what to look for. */
export const auditLine = (event: AuditEvent): string => JSON.stringify({ log: 'audit', ...event });

/** Tells the log of an event that could not be stored, so that none is lost in silence. */
export function auditInstead(event: AuditEvent, error: unknown): void {
  console.error('An event of the audit could not be stored; it is the next line:', error);
  console.error(auditLine(event));
}
