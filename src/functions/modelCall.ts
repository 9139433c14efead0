/** How the operations of the model families reach the gateway, and how they are declared in both styles. */
import { services, settings } from '../app';
import { errors } from '../errors';
import { faultLogger } from '../log';
import { bodyBudget } from '../http/bodyBudget';
import { operation, pathParams, type Call, type Operation } from '../http/operation';
import { readForm, type FormRules } from '../http/passedForm';
import { passThrough, type PassThroughOptions, type PassThroughTimes } from '../http/passThrough';
import { estimatedTokens } from '../models/estimatedTokens';
import type { GatewayAnswer, GatewayBody } from '../models/gateway';
import { ModelError } from '../models/ports';
import type { z } from 'zod';

/** Largest JSON body of a model family, in bytes: pictures and sounds travel in it. */
export const MAX_JSON_BYTES = 25 * 1024 * 1024;

/** Pictures, sounds and trainings may have been billed before their call failed, so it is not repeated. */
const repeatable = (operation: string): boolean => !/^(audio|images|fine_tuning)\//.test(operation);

/** What every JSON body of the families may say. */
interface JsonRequest {
  model?: string | null;
  stream?: boolean | null;
}

interface Forwarded {
  operation: string;
  method?: 'POST' | 'GET' | 'DELETE';
  query?: URLSearchParams;
  model: string;
  body?: GatewayBody;
  streamed?: boolean;
  estimatedTokens?: number;
  uploaded?: Promise<void>;
  /** Absent: those of calls to a model. */
  times?: PassThroughTimes;
  /** Whether the answer may hold the services' keys, since they are looked for in it. */
  showsKeys?: boolean;
  /** Name of the only backend that may be called. */
  backend?: string;
  /** Absent: as the operation is. */
  repeats?: boolean;
  /** As of {@link passThrough}. */
  errorEvent?: PassThroughOptions['errorEvent'];
  /** Sees the answer before its caller, and hands on what goes to the caller; what it throws is answered instead. */
  see?: (answer: GatewayAnswer) => Promise<GatewayAnswer>;
}

/** Makes the call by the gateway, and answers with what comes. */
export async function forward(call: Call, given: Forwarded): Promise<Response> {
  const {
    operation,
    method = 'POST',
    query,
    model,
    body,
    streamed = false,
    estimatedTokens = 0,
    uploaded,
    times,
    showsKeys,
    backend,
    repeats = repeatable(operation),
    errorEvent,
    see,
  } = given;
  const { gateway } = await services();
  return passThrough({
    connection: call.connection,
    streamed,
    expectsJson: !streamed && !operation.startsWith('audio/'),
    uploaded,
    times,
    maskKeys: showsKeys ? undefined : gateway.maskKeys,
    errorEvent,
    onFault: lateFault(operation),
    ask: async (signal) => {
      const answer = gateway.forward({
        operation,
        method,
        query,
        model,
        headers: call.request.headers,
        body,
        tenant: call.scope.tenant,
        backend,
        repeatable: repeats,
        estimatedTokens,
        signal,
      });
      // It holds the body until then, for repetitions.
      bodyBudget.retain(call.request, answer);
      return see ? see(await answer) : answer;
    },
  });
}

/** What logs faults of an answer that has begun. It stays as long as the answer goes on, so it must not hold what was sent. */
function lateFault(operation: string): (error: unknown) => void {
  const logFault = faultLogger();
  return (error) => logFault(`${operation} broke after its answer had begun.`, error);
}

const nothing = new Uint8Array();

/** Sends the caller's JSON body on. What was parsed of it, and its bytes once the service has answered, are let go of: the answer may take minutes. */
export async function forwardJson(
  call: Call,
  operation: string,
  model: string,
  body: JsonRequest,
  bytes = call.bytes,
  more: Pick<Forwarded, 'backend' | 'repeats' | 'errorEvent' | 'see'> = {},
): Promise<Response> {
  const streamed = body.stream === true;
  const tokens = estimatedTokens(bytes.length, body);
  call.body = undefined;
  call.bytes = nothing;
  return forward(call, { operation, model, body: { kind: 'json', bytes }, streamed, estimatedTokens: tokens, ...more });
}

/** Sends the caller's form on. `model`: of the path; absent where the form names it, or `fallback` where it need not. */
export async function forwardForm(
  call: Call,
  operation: string,
  model: string | undefined,
  required: FormRules['required'],
  fallback?: string,
): Promise<Response> {
  // An upload without a body: the service says what it lacks.
  if (model !== undefined && !call.request.headers.has('content-type')) return forward(call, { operation, model });
  const ofForm = fallback === undefined ? 'required' : 'optional';
  const rules = {
    required,
    model: model === undefined ? ofForm : 'elsewhere',
    maxBytes: settings().maxFileBytes,
  } as const;
  const form = await readForm(call.request, rules);
  try {
    const named = model ?? form.fields.get('model')?.trim() ?? fallback;
    if (!named) throw errors.missingParameter('model');
    const streamed = form.fields.get('stream') === 'true';
    return await forward(call, { operation, model: named, body: form.body, streamed, uploaded: form.uploaded });
  } finally {
    await form.release();
  }
}

/** The built-in models' errors as the caller's. */
export async function orModelError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof ModelError ? errors.modelFailed(error, error) : error;
  }
}

interface Declared<B extends z.ZodType> {
  number?: number;
  /** Below the deployment or the base path. */
  path: string;
  summary: string;
  body: B | 'raw';
  response: z.ZodType | 'raw';
  /** `deployment`: of the path. */
  handle: (call: Call<unknown, unknown, z.output<B>>, deployment: string | undefined) => Promise<unknown>;
}

const deploymentParams = pathParams('deployment_id');

/** The operation with the deployment in its path, and with the model in its body. */
export function bothStyles<B extends z.ZodType>({
  number,
  path,
  handle,
  ...rest
}: Declared<B>): { deployments: Operation; model: Operation } {
  const shared = { method: 'post', maxBodyBytes: MAX_JSON_BYTES, ...rest } as const;
  return {
    deployments: operation({
      ...shared,
      number,
      path: `/deployments/{deployment_id}/${path}`,
      params: deploymentParams,
      handle: async (call) => handle(call, decodeSlashes(call.params.deployment_id)),
    }),
    model: operation({ ...shared, path: `/${path}`, handle: async (call) => handle(call, undefined) }),
  };
}

/** The host leaves an encoded slash encoded, and names such as `meta-llama/Llama-3` have one. */
export const decodeSlashes = (name: string): string => name.replace(/%2f/gi, '/');

/** The model that the call is for. Throws 400 where neither path nor body names one. */
export function modelOf(deployment: string | undefined, body: JsonRequest): string {
  const model = deployment ?? body.model;
  if (!model) throw errors.missingParameter('model');
  return model;
}
