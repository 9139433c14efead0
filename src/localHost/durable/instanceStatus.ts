/** How an instance and its history look to clients. */
import { EventType, eventName, type HistoryEvent } from './historyEvent';
import type { InstanceRecord } from './instance';

/** The status body. Stored texts are JSON and become values; `historyEvents` only when given. */
export function statusBody(record: InstanceRecord, showInput: boolean, historyEvents?: unknown[]): object {
  return {
    name: record.name,
    instanceId: record.id,
    runtimeStatus: record.status,
    input: showInput ? value(record.input) : null,
    customStatus: value(record.customStatus),
    output: value(record.output),
    createdTime: time(record.created),
    lastUpdatedTime: time(record.updated),
    ...(historyEvents && { historyEvents }),
  };
}

/** The history for clients: without the episodes' own events, and with each task's two events in one. */
export function historyForClients(history: readonly HistoryEvent[], showOutput: boolean): unknown[] {
  const scheduled = new Map<number, HistoryEvent>();
  const completed = new Set<number>();
  for (const event of history) {
    if (scheduling.has(event.EventType)) scheduled.set(event.EventId, event);
    const task = event.TaskScheduledId ?? event.TimerId;
    if (task !== undefined) completed.add(task);
  }
  return history
    .filter(({ EventType: type, EventId: id }) => !hidden.has(type) && !(scheduling.has(type) && completed.has(id)))
    .map((event) => forClients(event, scheduled, showOutput));
}

const hidden: ReadonlySet<number> = new Set([EventType.OrchestratorStarted, EventType.OrchestratorCompleted]);
const scheduling: ReadonlySet<number> = new Set([
  EventType.TaskScheduled,
  EventType.SubOrchestrationInstanceCreated,
  EventType.TimerCreated,
]);

function forClients(event: HistoryEvent, scheduled: ReadonlyMap<number, HistoryEvent>, showOutput: boolean): object {
  const { Timestamp, Reason, Details, FireAt, Name, InstanceId, OrchestrationStatus } = event;
  const start = scheduled.get(event.TaskScheduledId ?? event.TimerId ?? -1);
  const isStart = event.EventType === EventType.ExecutionStarted || scheduling.has(event.EventType);
  const isRaised = event.EventType === EventType.EventRaised;
  return withoutUndefined({
    EventType: eventName(event),
    Timestamp,
    FunctionName: isStart ? Name : start?.Name,
    Name: isRaised ? Name : undefined,
    ScheduledTime: start?.Timestamp,
    InstanceId: InstanceId ?? start?.InstanceId,
    FireAt,
    Reason,
    Details,
    OrchestrationStatus,
    Input: isRaised && showOutput ? value(event.Input) : undefined,
    Result: showOutput && event.Result !== undefined ? value(event.Result) : undefined,
  });
}

function withoutUndefined(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined));
}

function value(text: string | null | undefined): unknown {
  return text === null || text === undefined ? null : JSON.parse(text);
}

/** Seconds, as the real host gives them. */
function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
