/** Runs activities, as many at once as the settings allow, and hands their results to the instances. At least once each. */
import type { FunctionInvoker } from '../functionInvoker';
import type { NamedData, TypedData } from '../typedData';
import { DurableQueue } from './durableQueue';
import { historyEvent, type FailureDetails, type HistoryEvent } from './historyEvent';
import type { Row } from './historyStatements';
import type { HistoryStore } from './historyStore';
import type { Envelope } from './instance';

/** An activity that was scheduled. `input` is JSON text, or null for none. */
export interface ScheduledActivity {
  sequence: number;
  instanceId: string;
  executionId: string;
  taskId: number;
  name: string;
  input: string | null;
}

export interface ActivityRunnerOptions {
  store: HistoryStore;
  invoker: FunctionInvoker;
  maxConcurrent: number;
  now(): number;
  log(level: 'info' | 'warn' | 'error', message: string): void;
  /** Takes the result; the envelope is settled when it is stored. */
  deliver(instanceId: string, envelope: Envelope): void;
}

const maxHeld = 1_000;

export class ActivityRunner {
  /** Where new activities are announced. */
  readonly queue: DurableQueue<ScheduledActivity>;
  private readonly waiting: ScheduledActivity[] = [];
  private running = 0;
  private stopped = false;

  constructor(private readonly options: ActivityRunnerOptions) {
    this.queue = new DurableQueue({
      limit: maxHeld,
      read: async (after, count) => (await options.store.read('activities', after, count)).map(readActivity),
      deliver: (activity) => {
        this.waiting.push(activity);
        this.pump();
      },
      onError: (error) => options.log('error', `Activities could not be read: ${String(error)}`),
    });
  }

  /** Starts no more activities and drops the results of those that run: they run again after the next start. */
  stop(): void {
    this.stopped = true;
    this.queue.stop();
  }

  private pump(): void {
    while (!this.stopped && this.running < this.options.maxConcurrent) {
      const activity = this.waiting.shift();
      if (!activity) return;
      this.running += 1;
      void this.run(activity);
    }
  }

  private async run(activity: ScheduledActivity): Promise<void> {
    const target = this.options.invoker.activities.get(activity.name.toLowerCase());
    if (!target) {
      this.options.log(
        'error',
        `Activity '${activity.name}' of '${activity.instanceId}' does not exist any more: left undone.`,
      );
      this.running -= 1;
      this.queue.done();
      this.pump();
      return;
    }
    const event = await this.invoke(activity, target);
    if (this.stopped) return;
    this.running -= 1;
    // The queue counts the activity until its result is stored, so that results do not pile up in memory.
    this.options.deliver(activity.instanceId, {
      event,
      executionId: activity.executionId,
      remove: ['deleteActivity', activity.sequence],
      settled: () => this.queue.done(),
    });
    this.pump();
  }

  private async invoke(
    activity: ScheduledActivity,
    { name, bindingName }: { name: string; bindingName: string },
  ): Promise<HistoryEvent> {
    const input: unknown = activity.input === null ? undefined : JSON.parse(activity.input);
    const data = activityInput(input);
    const inputData: NamedData[] = [{ name: bindingName, data }];
    const ids = { TaskScheduledId: activity.taskId };
    try {
      const result = await this.options.invoker.invoke(
        name,
        inputData,
        activityMetadata(activity, bindingName, input, data),
      );
      return historyEvent('TaskCompleted', this.options.now(), { ...ids, Result: resultText(result) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return historyEvent('TaskFailed', this.options.now(), { ...ids, ...failure(name, message) });
    }
  }
}

function readActivity(row: Row): ScheduledActivity {
  return {
    sequence: Number(row.sequence),
    instanceId: String(row.instance_id),
    executionId: String(row.execution_id),
    taskId: Number(row.task_id),
    name: String(row.name),
    input: row.input === null ? null : String(row.input),
  };
}

/** The library turns a value without any field into undefined, which the wire's type has no room for. */
const nothing = {} as TypedData;

/** The input as the real host passes it: text of JSON, but strings as they are and booleans as .NET writes them. */
function activityInput(input: unknown): TypedData {
  if (input === undefined || input === null) return nothing;
  if (typeof input === 'string') return { string: input };
  if (typeof input === 'boolean') return { string: input ? 'True' : 'False' };
  return { string: JSON.stringify(input) };
}

function activityMetadata(
  activity: ScheduledActivity,
  bindingName: string,
  input: unknown,
  data: TypedData,
): Record<string, TypedData> {
  const properties =
    typeof input === 'object' && input !== null && !Array.isArray(input)
      ? Object.entries(input).map(([name, value]) => [name, activityInput(value)] as const)
      : [];
  return { ...Object.fromEntries(properties), instanceId: { string: activity.instanceId }, data, [bindingName]: data };
}

/** JSON text of what an activity returned. */
function resultText(result: TypedData | null | undefined): string {
  if (!result) return 'null';
  if ('json' in result && result.json !== undefined) return result.json;
  if ('string' in result && result.string !== undefined) return JSON.stringify(result.string);
  if ('bytes' in result && result.bytes !== undefined)
    return JSON.stringify(Buffer.from(result.bytes).toString('base64'));
  if ('int' in result && result.int !== undefined) return JSON.stringify(result.int);
  if ('double' in result && result.double !== undefined) return JSON.stringify(result.double);
  return 'null';
}

/** The failure as the real host words it; the details are a text of the kind that .NET makes of an exception. */
function failure(name: string, message: string): Partial<HistoryEvent> {
  const FailureDetails = failureDetails(message);
  const shown = FailureDetails?.ErrorMessage ?? message;
  return {
    Reason: `Activity function '${name}' failed:  ${shown}`,
    Details:
      `Microsoft.Azure.WebJobs.Host.FunctionInvocationException: Exception while executing function: Functions.${name}\n` +
      ` ---> Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException: Result: Failure\nException: ${shown}`,
    FailureDetails,
  };
}

/** With df.app.setExceptionPropertiesProvider the message is JSON that tells more of the error. */
function failureDetails(message: string): FailureDetails | null {
  if (!message.startsWith('{"errorType":')) return null;
  try {
    const told = JSON.parse(message) as Record<string, unknown>;
    return {
      ErrorType: String(told.errorType),
      ErrorMessage: String(told.errorMessage),
      StackTrace: typeof told.stackTrace === 'string' ? told.stackTrace : null,
      IsNonRetriable: told.isNonRetriable === true,
      Properties: told.properties ?? null,
      InnerFailure: null,
    };
  } catch {
    // An ordinary message that only looks like it.
    return null;
  }
}
