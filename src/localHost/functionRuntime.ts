/** Runs single invocations through the library's programming model, hooks included. */
import { randomUUID } from 'node:crypto';
import type { CoreInvocationContext, FunctionCallback, InvocationResponse, ProgrammingModel } from './coreTypes';
import type { FunctionInvoker, TriggerFunction } from './functionInvoker';
import type { FunctionsCore } from './functionsCore';
import type { FunctionTable, HostFunction } from './functionTable';
import type { NamedData, TypedData } from './typedData';

/** What an invocation came to. */
export interface InvocationOutcome {
  /** What the handler returned, as the post hooks left it. */
  result: unknown;
  response: InvocationResponse;
}

export class FunctionRuntime implements FunctionInvoker {
  readonly orchestrators: ReadonlyMap<string, TriggerFunction>;
  readonly activities: ReadonlyMap<string, TriggerFunction>;
  private running = 0;
  private idleWaiters: (() => void)[] = [];

  /** `clientBinding` gives the JSON of `durableClient` inputs. */
  constructor(
    private readonly core: FunctionsCore,
    private readonly model: ProgrammingModel,
    private readonly table: FunctionTable,
    private readonly clientBinding: () => string,
  ) {
    this.orchestrators = table.orchestrators;
    this.activities = table.activities;
  }

  async invoke(
    functionName: string,
    inputData: NamedData[],
    triggerMetadata: Record<string, TypedData>,
  ): Promise<TypedData | undefined | null> {
    const entry = this.table.all.get(functionName.toLowerCase());
    if (!entry) throw new Error(`There is no function '${functionName}'.`);
    const { response } = await this.run(entry, randomUUID(), inputData, triggerMetadata);
    return response.returnValue;
  }

  /** One invocation of a function. Rejects with an Error whose message is that of what the function (or a hook) threw. */
  async run(
    entry: HostFunction,
    invocationId: string,
    inputData: NamedData[],
    triggerMetadata: Record<string, TypedData>,
  ): Promise<InvocationOutcome> {
    this.running += 1;
    try {
      return await this.runModel(entry, invocationId, this.withClients(entry, inputData), triggerMetadata);
    } catch (error) {
      throw toError(error);
    } finally {
      this.running -= 1;
      if (this.running === 0) this.idleWaiters.splice(0).forEach((wake) => wake());
    }
  }

  /** Resolves when no invocation runs. */
  async idle(): Promise<void> {
    if (this.running > 0) await new Promise<void>((wake) => this.idleWaiters.push(wake));
  }

  private withClients(entry: HostFunction, inputData: NamedData[]): NamedData[] {
    if (entry.durableClients.length === 0) return inputData;
    const data = { string: this.clientBinding() };
    return [...inputData, ...entry.durableClients.map((name) => ({ name, data }))];
  }

  private async runModel(
    entry: HostFunction,
    invocationId: string,
    inputData: NamedData[],
    triggerMetadata: Record<string, TypedData>,
  ): Promise<InvocationOutcome> {
    const own: { context?: unknown } = {};
    const coreContext: CoreInvocationContext = {
      invocationId,
      metadata: entry.metadata,
      state: undefined,
      request: { invocationId, functionId: entry.metadata.functionId ?? entry.name, inputData, triggerMetadata },
      log: (level, category, message) => this.core.log(level, category, message, entry.name, own.context),
    };
    const model = this.model.getInvocationModel(coreContext);
    const { context, inputs } = await model.getArguments();
    own.context = context;
    const call = (callback: FunctionCallback, given: unknown[]) => {
      coreContext.state = 'invocation';
      return model.invokeFunction(context, given, callback);
    };
    const hooked = this.core.hasHooks('preInvocation') || this.core.hasHooks('postInvocation');
    const result = hooked
      ? await this.callWithHooks(entry, coreContext, context, inputs, call)
      : await call(entry.callback, inputs);
    return { result, response: await model.getResponse(context, result) };
  }

  private async callWithHooks(
    entry: HostFunction,
    coreContext: CoreInvocationContext,
    invocationContext: unknown,
    inputs: unknown[],
    call: (callback: FunctionCallback, inputs: unknown[]) => Promise<unknown>,
  ): Promise<unknown> {
    const shared = { hookData: {}, appHookData: this.core.appHookData, invocationContext };
    const before = { ...shared, functionCallback: entry.callback, inputs };
    coreContext.state = 'preInvocationHooks';
    await this.core.runHooks('preInvocation', before);
    // The hooks write to the context objects: read the fields again afterwards.
    const after: Record<string, unknown> = { ...shared, inputs: before.inputs, result: null, error: null };
    try {
      after.result = await call(before.functionCallback, before.inputs);
    } catch (error) {
      after.error = error;
    }
    coreContext.state = 'postInvocationHooks';
    await this.core.runHooks('postInvocation', after);
    if (after.error !== null && after.error !== undefined) throw after.error;
    return after.result;
  }
}

/** What was thrown, as an Error: text becomes the message, other values their JSON. */
function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  if (thrown === undefined || thrown === null) return new Error('Unknown error');
  return new Error(typeof thrown === 'object' ? JSON.stringify(thrown) : String(thrown));
}
