import { walkActions, type WalkContext } from '../../../src/localHost/durable/actionsWalk';
import { historyEvent, type EventName, type HistoryEvent } from '../../../src/localHost/durable/historyEvent';
import type { Action } from '../../../src/localHost/durable/orchestratorAnswer';

const start = Date.UTC(2026, 0, 1);
const day = 24 * 3600 * 1000;
const retryOptions = { firstRetryIntervalInMilliseconds: 1_000, maxNumberOfAttempts: 3, backoffCoefficient: 2 };
const activity = (functionName: string, input?: unknown): Action => ({ actionType: 0, functionName, input });
const retried = (functionName: string): Action => ({ actionType: 1, functionName, retryOptions });
const timer = (at: number, isCanceled = false): Action => ({
  actionType: 5,
  fireAt: new Date(at).toISOString(),
  isCanceled,
});
const event = (externalEventName: string): Action => ({ actionType: 6, externalEventName });
const all = (...compoundActions: Action[]): Action => ({ actionType: 12, compoundActions });
const any = (...compoundActions: Action[]): Action => ({ actionType: 11, compoundActions });

const at = (seconds: number) => start + seconds * 1000;
const episode = (seconds: number, ...events: HistoryEvent[]) => [
  historyEvent('OrchestratorStarted', at(seconds)),
  ...events,
];
const began = episode(0, historyEvent('ExecutionStarted', start, { Name: 'o' }));
const scheduled = (id: number, Name: string) => historyEvent('TaskScheduled', start, { EventId: id, Name });
const timerCreated = (id: number) => historyEvent('TimerCreated', start, { EventId: id });
const completion = (type: EventName) => (id: number) => historyEvent(type, start, { TaskScheduledId: id });
const completed = completion('TaskCompleted');
const failed = completion('TaskFailed');
const fired = (id: number) => historyEvent('TimerFired', start, { TimerId: id });
const raised = (Name: string) => historyEvent('EventRaised', start, { Name });

const walk = (actions: Action[], history: HistoryEvent[], given: Partial<WalkContext> = {}) =>
  walkActions(actions, { instanceId: 'i', executionId: 'e', history, knows: () => true, ...given });
const ids = (actions: Action[], history: HistoryEvent[]) =>
  walk(actions, history).decisions.map(({ id, kind }) => [id, kind]);

describe('walkActions', () => {
  it('starts an action when the one before is complete, and not earlier', () => {
    const actions = [activity('a', 1), activity('b', 2)];
    expect(walk(actions, began).decisions).toEqual([{ kind: 'activity', id: 0, name: 'a', input: 1 }]);
    const later = walk(actions, [...began, scheduled(0, 'a'), ...episode(1, completed(0))]);
    expect(later.decisions).toEqual([{ kind: 'activity', id: 1, name: 'b', input: 2 }]);
    expect(later.finished).toBe(false);
  });

  it('goes on after a failure as after a success', () => {
    const history = [...began, scheduled(0, 'a'), ...episode(1, failed(0))];
    expect(ids([activity('a'), activity('b')], history)).toEqual([[1, 'activity']]);
  });

  it('is finished when every action is complete and nothing is open', () => {
    const history = [...began, scheduled(0, 'a'), timerCreated(1), ...episode(1, completed(0))];
    expect(walk([any(activity('a'), timer(at(60)))], history)).toMatchObject({ finished: false, open: 1 });
    const cancelled = walk([any(activity('a'), timer(at(60), true))], history);
    expect(cancelled).toMatchObject({ finished: true, open: 0, cancelled: [1] });
  });

  it('waits for all children of all, also when one has failed', () => {
    const actions = [all(activity('a'), activity('b')), activity('c')];
    const history = [...began, scheduled(0, 'a'), scheduled(1, 'b'), ...episode(1, failed(0))];
    expect(ids(actions, history)).toEqual([]);
    expect(ids(actions, [...history, ...episode(2, completed(1))])).toEqual([[2, 'activity']]);
  });

  it('gives a retry its timer and its next attempt their ids when the failure and the timer arrive', () => {
    const actions = [all(retried('a'), retried('b')), activity('c')];
    let history = [...began, scheduled(0, 'a'), scheduled(1, 'b'), ...episode(10, failed(1))];
    expect(walk(actions, history).decisions).toEqual([{ kind: 'timer', id: 2, fireAt: at(11) }]);
    history = [...history, timerCreated(2), ...episode(11, failed(0), fired(2))];
    expect(walk(actions, history).decisions).toEqual([
      { kind: 'timer', id: 3, fireAt: at(12) },
      { kind: 'activity', id: 4, name: 'b', input: undefined },
    ]);
    history = [...history, timerCreated(3), scheduled(4, 'b'), ...episode(12, failed(4))];
    expect(walk(actions, history).decisions).toEqual([{ kind: 'timer', id: 5, fireAt: at(14) }]);
  });

  it('adds one more timer, due at once, after the last attempt', () => {
    const action: Action = {
      actionType: 1,
      functionName: 'a',
      retryOptions: { ...retryOptions, maxNumberOfAttempts: 1 },
    };
    const history = [...began, scheduled(0, 'a'), ...episode(5, failed(0))];
    expect(walk([action], history)).toMatchObject({
      decisions: [{ kind: 'timer', id: 1, fireAt: at(5) }],
      finished: false,
    });
    expect(walk([action], [...history, timerCreated(1), ...episode(6, fired(1))]).finished).toBe(true);
  });

  it('makes a chain of three-day timers of one beyond six days', () => {
    const actions = [timer(start + 14 * day), activity('a')];
    const segments: number[] = [];
    let history = began;
    for (let id = 0; id < 4; id++) {
      const [decision] = walk(actions, history).decisions;
      if (decision?.kind !== 'timer') throw new Error('no timer');
      expect(decision.id).toBe(id);
      segments.push((decision.fireAt - start) / day);
      history = [...history, timerCreated(id), ...episode((decision.fireAt - start) / 1000, fired(id))];
    }
    expect(segments).toEqual([3, 6, 9, 14]);
    expect(ids(actions, history)).toEqual([[4, 'activity']]);
  });

  it('keeps events that come before they are awaited, first in first out, ignoring case', () => {
    const history = [...began, scheduled(0, 'a'), ...episode(1, raised('X'), raised('x'), completed(0))];
    expect(ids([activity('a'), event('x'), event('X'), activity('b')], history)).toEqual([[1, 'activity']]);
    expect(ids([activity('a'), event('x'), event('x'), event('x'), activity('b')], history)).toEqual([]);
  });

  it('wakes the last of several waiters first', () => {
    const actions = [all(any(event('x'), activity('slow')), event('x')), activity('b')];
    const history = [...began, scheduled(0, 'slow'), ...episode(1, raised('x'))];
    // The second wait took the event: without a second one, the first still waits.
    expect(ids(actions, history)).toEqual([]);
    expect(ids(actions, [...history, ...episode(2, raised('x'))])).toEqual([[1, 'activity']]);
  });

  it('passes events on that come after continue-as-new, and names those that nobody awaited', () => {
    const actions: Action[] = [event('x'), { actionType: 4, input: 5 }];
    const late = raised('late');
    const result = walk(actions, [...began, ...episode(1, raised('lost'), raised('x'), late)]);
    expect(result).toMatchObject({ continueAsNew: { input: 5 }, finished: true, unclaimed: ['lost'] });
    expect(result.carried).toEqual([late]);
  });

  it('ignores a second completion of a task', () => {
    const history = [...began, scheduled(0, 'a'), ...episode(1, completed(0), completed(0))];
    expect(ids([activity('a'), activity('b')], history)).toEqual([[1, 'activity']]);
  });

  it('gives sub-orchestrations an id of execution and task, and refuses the ids of itself and its parent', () => {
    const sub = (instanceId?: string): Action => ({ actionType: 2, functionName: 's', instanceId, input: 1 });
    expect(walk([activity('a'), sub()], [...began, scheduled(0, 'a'), ...episode(1, completed(0))]).decisions).toEqual([
      { kind: 'subOrchestration', id: 1, name: 's', version: null, instanceId: 'e:1', input: 1 },
    ]);
    expect(() => walk([sub('i')], began)).toThrow("must not have the id of its parent: 'i'");
    expect(() => walk([sub('p')], began, { parentInstanceId: 'p' })).toThrow("'p'");
    expect(() => walk([sub('@x@y')], began)).toThrow("must not start with '@'");
  });

  it('never starts a function that does not exist, and stays open for it', () => {
    const result = walk([activity('gone')], began, { knows: () => false });
    expect(result).toMatchObject({
      decisions: [],
      open: 1,
      finished: false,
      unknown: [{ kind: 'activity', name: 'gone' }],
    });
  });

  it('rejects a history of other names, other kinds or more tasks', () => {
    const history = [...began, scheduled(0, 'a')];
    expect(() => walk([activity('b')], history)).toThrow(
      "history has TaskScheduled 'a', but this replay schedules TaskScheduled 'b'",
    );
    expect(() => walk([timer(at(5))], history)).toThrow('schedules TimerCreated');
    expect(() => walk([event('x')], history)).toThrow('schedules nothing');
  });

  it('takes a hundred thousand actions that complete at once', () => {
    const count = 100_000;
    const history = [...began, ...episode(1, ...Array.from({ length: count }, () => raised('x')))];
    const actions = [timer(at(0)), ...Array.from({ length: count }, () => event('x'))];
    const result = walk(actions, [...history, timerCreated(0), ...episode(2, fired(0))]);
    expect(result).toMatchObject({ finished: true, unclaimed: [] });
  });
});
