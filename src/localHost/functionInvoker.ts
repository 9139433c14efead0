/** What an engine of triggers (durable, blob, timer) needs of the part that holds the functions. */
import type { NamedData, TypedData } from './typedData';

/** A function as a trigger knows it. */
export interface TriggerFunction {
  /** As registered. */
  name: string;
  /** Name of its trigger binding: the name under which its input is passed. */
  bindingName: string;
}

export interface FunctionInvoker {
  /**
   * Runs a function, extra inputs included. Resolves with its return value (null and undefined as they are); rejects with an Error
   * whose message is exactly that of the function's error, its stack attached, when the function failed.
   */
  invoke(
    functionName: string,
    inputData: NamedData[],
    triggerMetadata: Record<string, TypedData>,
  ): Promise<TypedData | undefined | null>;
  /** Functions with an orchestration trigger, by lower-cased name. */
  orchestrators: ReadonlyMap<string, TriggerFunction>;
  /** Functions with an activity trigger, by lower-cased name. */
  activities: ReadonlyMap<string, TriggerFunction>;
}
