/** How history lies in the store: without the texts that the instance's record has anyway. */
import { EventType, historyEvent, type HistoryEvent } from './historyEvent';
import type { Row } from './historyStatements';
import type { Envelope, InstanceRecord } from './instance';

/** The text of a history row. */
export function storedEvents(events: readonly HistoryEvent[]): string {
  return JSON.stringify(
    events.map((event) => {
      if (event.EventType === EventType.ExecutionStarted) return { ...event, IsPlayed: true, Input: null };
      if (event.EventType === EventType.ExecutionCompleted) return { ...event, IsPlayed: true, Result: null };
      return { ...event, IsPlayed: true };
    }),
  );
}

/** The events of an instance's history rows, whole. */
export function restoreHistory(rows: readonly Row[], record: InstanceRecord): HistoryEvent[] {
  const events = rows.flatMap((row) => JSON.parse(String(row.events)) as HistoryEvent[]);
  for (const event of events) {
    if (event.EventType === EventType.ExecutionStarted) event.Input = record.input;
    if (event.EventType === EventType.ExecutionCompleted) event.Result = record.output;
  }
  return events;
}

/** The event with which a generation begins. */
export function executionStarted(record: InstanceRecord, at: number): HistoryEvent {
  return historyEvent('ExecutionStarted', at, {
    OrchestrationInstance: { InstanceId: record.id, ExecutionId: record.executionId },
    ParentInstance: record.parent,
    Name: record.name,
    Version: record.version,
    Input: record.input,
  });
}

/** The first messages of a generation that continued as new: its start, and the events that came too late for the one before. */
export function carriedEnvelopes(record: InstanceRecord): Envelope[] {
  const start = executionStarted(record, record.updated);
  return [start, ...(record.carried ?? [])].map((event) => ({
    event: { ...event, IsPlayed: false },
    executionId: record.executionId,
    settled: () => undefined,
  }));
}
