/** The events of an orchestration's history, in the form in which the Durable Functions library reads them. */

/** Numbers of the event types. */
export const EventType = {
  ExecutionStarted: 0,
  ExecutionCompleted: 1,
  ExecutionFailed: 2,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventRaised: 15,
  ContinueAsNew: 16,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

/** Name of an event type, such as `TaskScheduled`. */
export type EventName = keyof typeof EventType;

/** Who started a sub-orchestration, and as which of its tasks. */
export interface ParentInstance {
  Name: string;
  OrchestrationInstance: { InstanceId: string; ExecutionId: string };
  TaskScheduleId: number;
  Version: string | null;
}

/** What a failed activity may tell of its error beyond a text. */
export interface FailureDetails {
  ErrorType: string;
  ErrorMessage: string;
  StackTrace: string | null;
  IsNonRetriable: boolean;
  Properties: unknown;
  InnerFailure: null;
}

/** One event. Which fields beyond the first four are there depends on `EventType`; times are ISO 8601 in UTC, inputs and results JSON text. */
export interface HistoryEvent {
  EventType: number;
  /** The task's id in an event that schedules one, else -1. */
  EventId: number;
  IsPlayed: boolean;
  Timestamp: string;
  Name?: string;
  Version?: string | null;
  Input?: string | null;
  Result?: string | null;
  Reason?: string | null;
  Details?: string | null;
  FailureDetails?: FailureDetails | null;
  TaskScheduledId?: number;
  TimerId?: number;
  FireAt?: string;
  InstanceId?: string;
  OrchestrationStatus?: string;
  OrchestrationInstance?: { InstanceId: string; ExecutionId: string };
  ParentInstance?: ParentInstance | null;
}

/** An event that happens at `at` (Unix milliseconds) and has not been played. */
export function historyEvent(type: EventName, at: number, fields: Partial<HistoryEvent> = {}): HistoryEvent {
  return {
    EventType: EventType[type],
    EventId: -1,
    IsPlayed: false,
    Timestamp: new Date(at).toISOString(),
    ...fields,
  };
}

const names = new Map<number, EventName>(
  Object.entries(EventType).map(([name, value]) => [value, name as EventName] as const),
);

/** Name of the event's type. */
export function eventName(event: HistoryEvent): EventName | undefined {
  return names.get(event.EventType);
}

/** The id of the task that this event completes, or undefined if it completes none. */
export function completedTask(event: HistoryEvent): number | undefined {
  switch (event.EventType) {
    case EventType.TaskCompleted:
    case EventType.TaskFailed:
    case EventType.SubOrchestrationInstanceCompleted:
    case EventType.SubOrchestrationInstanceFailed:
      return event.TaskScheduledId;
    case EventType.TimerFired:
      return event.TimerId;
    default:
      return undefined;
  }
}

/** Whether the event schedules a task, whose id is then its `EventId`. */
export function schedulesTask(event: HistoryEvent): boolean {
  return (
    event.EventType === EventType.TaskScheduled ||
    event.EventType === EventType.SubOrchestrationInstanceCreated ||
    event.EventType === EventType.TimerCreated
  );
}

/** Ids of the tasks that were scheduled and have not completed; cancelled timers are among them. */
export function openTasks(history: Iterable<HistoryEvent>): Set<number> {
  const open = new Set<number>();
  for (const event of history) {
    if (schedulesTask(event)) open.add(event.EventId);
    const completed = completedTask(event);
    if (completed !== undefined) open.delete(completed);
  }
  return open;
}
