/**
 * The errors a caller can meet, with the status, code and wording of the services. Capabilities throw these by name;
 * `http/errorResponse` alone turns them into answers.
 */

/** An answer other than success. `message` is for the caller: it says what is wrong and what to do. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly details: {
      code?: string | null;
      type?: string;
      param?: string | null;
      headers?: Record<string, string>;
    } = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'ApiError';
  }
}

/** Whether the work found its object: false where it ended with 404, what else it throws is thrown. */
export async function isFound(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

/** `param` is where the request names the object, if its path does not. */
const notFound =
  (kind: string) =>
  (id: string, param: string | null = null) =>
    new ApiError(404, `No ${kind} found with id '${id.slice(0, 128)}'.`, { param });
const invalid = (message: string, code: string | null, param: string | null = null) =>
  new ApiError(400, message, { code, param });
const tooMany = (kinds: string, remedy: string) => (limit: number) =>
  invalid(
    `There are ${limit} ${kinds} already, which is the limit. ${remedy} those that are not needed.`,
    'limit_exceeded',
  );
const denied = (message: string) => new ApiError(403, message, { code: 'PermissionDenied' });
/** What the answer depends on does not answer itself. `retryAfter`: seconds. */
const unavailable = (message: string, { retryAfter, cause }: { retryAfter?: number; cause?: unknown } = {}) =>
  new ApiError(
    503,
    message,
    {
      type: 'server_error',
      code: 'service_unavailable',
      ...(retryAfter !== undefined && { headers: { 'retry-after': String(retryAfter) } }),
    },
    { cause },
  );

interface ModelFailure {
  kind: keyof typeof modelFailures;
  message: string;
  retryAfterSeconds?: number;
  param?: string;
}
type Failure = (
  message: string,
  headers?: Record<string, string>,
  param?: string,
) => [status: number, message: string, details: ApiError['details']];
const modelFailures = {
  not_found: (message) => [404, message, { code: 'DeploymentNotFound' }],
  invalid_request: (message, _headers, param) => [400, message, { code: 'invalid_request', param }],
  content_filter: (message) => [400, message, { code: 'content_filter' }],
  rate_limited: (message, headers) => [429, message, { type: 'requests', code: 'rate_limit_exceeded', headers }],
  unavailable: (message, headers) => [503, message, { type: 'server_error', code: 'service_unavailable', headers }],
} satisfies Record<string, Failure>;

interface SourceFailure {
  kind: keyof typeof sourceFailures;
  message: string;
  param?: string;
}
/** The service answers 400 whatever its source refused; 424, since neither the caller nor this server is at fault, where the source itself fails. */
const sourceFailures = {
  invalid: [400, 'invalid_data_source'],
  authentication: [400, 'data_source_authentication'],
  not_found: [400, 'data_source_not_found'],
  refused_address: [400, 'data_source_refused_address'],
  rate_limited: [429, 'data_source_rate_limited'],
  unavailable: [424, 'data_source_unavailable'],
  timeout: [424, 'data_source_timeout'],
} satisfies Record<string, [status: number, code: string]>;

/** An object would not fit into a write of the store; nothing was stored. Adapters throw it, callers see 413. */
export class TooLargeError extends ApiError {
  constructor(maxBytes: number) {
    super(
      413,
      `The object would be larger than the ${maxBytes} bytes that are stored at once. Send less text, or several objects.`,
      {
        code: 'object_too_large',
      },
    );
    this.name = 'TooLargeError';
  }
}

/** The process ends and lets the run go, for another to drive. */
export class RunHandedOverError extends ApiError {
  constructor(runId: string) {
    super(503, `This server is being stopped. Run ${runId} goes on without it: retrieve the run to see its end.`, {
      type: 'server_error',
      code: 'service_unavailable',
    });
    this.name = 'RunHandedOverError';
  }
}

const upstreamFailure = (status: number, message: string, code: string, cause?: unknown) =>
  new ApiError(status, message, { type: 'server_error', code }, { cause });

/** What a failure concerns where it names no parameter. */
const DATA_SOURCE = 'data_sources[0]';

/** The catalogue: one factory per error, named for what happened. */
export const errors = {
  // The edge
  missingKey: () =>
    new ApiError(
      401,
      "You didn't provide an API key. Send it in the 'api-key' header, or as 'Authorization: Bearer YOUR_KEY'.",
      { code: 'missing_api_key' },
    ),
  wrongKey: () =>
    new ApiError(
      401,
      'Incorrect API key provided. It must be a key of this server, not of a model service: one of API_KEYS or of npm run keys, or the one that the local host prints at its start.',
      { code: 'invalid_api_key' },
    ),
  wrongToken: (reason: string) =>
    new ApiError(401, `The access token is not accepted. ${reason}`, { code: 'invalid_token' }),
  noRole: (objectId: string) =>
    denied(
      `The principal '${objectId}' may not use this server: its token has neither of the app roles OpenAI.User and OpenAI.Contributor, and no entry of ENTRA_PRINCIPALS gives it one.`,
    ),
  roleTooLow: (principal: string, role: string, needed: string, operation: string) =>
    denied(`The principal '${principal}' lacks the role ${needed} to perform ${operation}; it has ${role}.`),
  authorityUnreachable: (owner: string, address: string, cause: unknown) =>
    unavailable(
      `The keys of ${owner} cannot be read from ${address}, so its tokens cannot be verified. Retry in a few seconds.`,
      { retryAfter: 5, cause },
    ),
  wrongProject: (project: string) => denied(`The caller may only use the project '${project}' (BOT_PROJECT).`),
  wrongChannel: (reason: string) => denied(`The activity does not match its channel's token. ${reason}`),
  apiKeysUnreadable: (cause: unknown) =>
    unavailable('The API keys cannot be read from the store. Retry in a few seconds.', { retryAfter: 5, cause }),
  tooManyApiKeys: tooMany('API keys', 'Revoke'),
  missingApiVersion: () =>
    invalid(
      'The api-version query parameter (?api-version=) is required for all requests.',
      'MissingApiVersionParameter',
      'api-version',
    ),
  malformedApiVersion: (version: string) =>
    invalid(
      `The api-version '${version}' is invalid. It is a date such as 2025-04-01-preview, or preview, latest or v1.`,
      'InvalidApiVersionParameter',
      'api-version',
    ),
  unknownUrl: (method: string, path: string) =>
    new ApiError(404, `Invalid URL (${method} ${path})`, { code: 'unknown_url' }),
  methodNotAllowed: (method: string, path: string, allowed: string[]) =>
    new ApiError(405, `Not allowed to ${method} on ${path}.`, {
      code: 'method_not_supported',
      headers: { allow: allowed.join(', ') },
    }),
  brokenJson: (reason: string) =>
    invalid(
      `We could not parse the JSON body of your request: ${reason}. The body must be valid JSON.`,
      'invalid_json',
    ),
  bodyTooDeep: (limit: number) =>
    invalid(`The JSON body of the request is nested deeper than ${limit} levels.`, 'invalid_json'),
  bodyOfTooManyValues: (limit: number) =>
    invalid(
      `The JSON body of the request holds more than ${limit} names and values. Send several smaller requests.`,
      'invalid_json',
    ),
  tooManyBodies: (limit: number) =>
    new ApiError(
      503,
      `The requests that are being read hold the ${limit} bytes of memory that there are for them. Retry in a few seconds.`,
      { type: 'server_error', code: 'server_busy', headers: { 'retry-after': '2' } },
    ),
  wrongContentEncoding: (encoding: string) =>
    new ApiError(415, `Unsupported content encoding: '${encoding}'. Send the body as it is.`, {
      code: 'unsupported_content_encoding',
      param: 'content-encoding',
      headers: { 'accept-encoding': 'identity' },
    }),
  bodyNotObject: () => invalid('The body of the request must be a JSON object.', 'invalid_type'),
  bodyTooLarge: (limit: number) =>
    new ApiError(413, `The body of the request is larger than the limit of ${limit} bytes.`, {
      code: 'request_too_large',
    }),
  wrongContentType: (got: string, expected: string) =>
    new ApiError(415, `Unsupported content type: '${got}'. This operation takes '${expected}'.`, {
      code: 'unsupported_content_type',
    }),
  brokenForm: (reason: string) => invalid(`The multipart form is broken: ${reason}.`, 'invalid_form'),
  misconfigured: (message: string) =>
    new ApiError(500, `The server has a wrong setting. ${message}`, { type: 'server_error', code: 'wrong_setting' }),
  internal: () =>
    new ApiError(
      500,
      'The server had an error while processing your request. Retry, and give the request id if it persists.',
      {
        type: 'server_error',
        code: 'internal_error',
      },
    ),

  // Answers of model services on their way to the caller
  /** The answer broke off or fell silent; an ApiError is told as it is. */
  answerBroken: (cause?: unknown) => {
    if (cause instanceof ApiError) return cause;
    const { code, status } = Object(cause) as { code?: unknown; status?: unknown };
    if (code === 'UND_ERR_BODY_TIMEOUT' || status === 504) {
      return upstreamFailure(
        504,
        'The model service fell silent in the middle of its answer.',
        'upstream_timeout',
        cause,
      );
    }
    return upstreamFailure(502, 'The model service broke off before its answer was complete.', 'upstream_error', cause);
  },
  answerIsPage: () =>
    upstreamFailure(
      502,
      'The model service answered with a page, which is no answer of a model; have its address checked.',
      'upstream_error',
    ),
  answerNotJson: (cause?: unknown) =>
    upstreamFailure(
      502,
      'The model service gave an answer that cannot be read: it is not valid JSON.',
      'upstream_error',
      cause,
    ),
  answerTooLarge: (maxBytes: number) =>
    upstreamFailure(502, `The model service gave an answer of more than ${maxBytes} bytes.`, 'upstream_error'),
  answerHoldsKey: () =>
    upstreamFailure(
      502,
      'The model service gave its own key in place of an ephemeral one, which is not handed on.',
      'upstream_error',
    ),
  noEphemeralKey: () => upstreamFailure(502, 'The model service gave no ephemeral key.', 'upstream_error'),
  tooLongForOneAnswer: (seconds: number) =>
    upstreamFailure(
      504,
      `The model service did not answer within ${seconds} s, the longest that a whole answer may take. Ask for it with 'stream': true.`,
      'timeout',
    ),
  /** Told to nobody. */
  callerLeft: () => new ApiError(499, 'The caller has left.'),

  // Parameters
  invalidParameter: (message: string, code: string, param: string) => invalid(message, code, param),
  missingParameter: (param: string) =>
    invalid(`Missing required parameter: '${param}'.`, 'missing_required_parameter', param),
  unsupported: (param: string, reason?: string) =>
    invalid(
      `'${param}' is not supported in this version of azure-openai-functions.${reason ? ` ${reason}` : ''}`,
      'unsupported',
      param,
    ),
  unknownCursor: (param: string, id: string) => invalid(`No object found with id '${id}'.`, 'invalid_value', param),

  // Objects
  noAssistant: notFound('assistant'),
  noThread: notFound('thread'),
  noMessage: notFound('message'),
  noRun: notFound('run'),
  noRunStep: notFound('run step'),
  noFineTuningJob: notFound('fine-tuning job'),
  noAssistantFile: notFound('assistant file'),
  noMessageFile: notFound('message file'),
  noSchedule: notFound('schedule'),
  noSync: notFound('sync'),
  noAgent: (name: string) => new ApiError(404, `Agent '${name.slice(0, 128)}' does not exist.`, { code: 'not_found' }),
  noAgentVersion: (name: string, version: string) =>
    new ApiError(404, `Agent '${name}' has no version '${version.slice(0, 128)}'.`, { code: 'not_found' }),
  noVectorStore: notFound('vector store'),
  noFileBatch: notFound('file batch'),
  noVectorStoreFile: (id: string) => new ApiError(404, `No file found with id '${id}' in the vector store.`),
  noFile: (id: string, param = 'id') => new ApiError(404, `No such File object: ${id}`, { param }),
  emptyFile: () => invalid('File is empty.', 'invalid_value', 'file'),
  noUpload: notFound('upload'),
  noUploadPart: (id: string) =>
    invalid(`No part found with id '${id.slice(0, 128)}' in the upload.`, 'invalid_value', 'part_ids'),
  uploadTooLarge: (maxBytes: number) =>
    invalid(
      `Invalid 'bytes': a file of this server may have at most ${maxBytes} bytes.`,
      'integer_above_max_value',
      'bytes',
    ),
  uploadPartTooLarge: (maxBytes: number) =>
    new ApiError(413, `A part may have at most ${maxBytes} bytes. Send its content in several.`, {
      code: 'request_too_large',
      param: 'data',
    }),
  uploadFull: (maxParts: number, maxBytes: number) =>
    invalid(
      `The upload holds all that it may: ${maxParts} parts or ${maxBytes} bytes. Complete it, or cancel it and create another.`,
      'limit_exceeded',
      'data',
    ),
  uploadNotPending: (id: string, status: string) =>
    invalid(
      `Upload '${id.slice(0, 128)}' is ${status}: it takes no parts, and can be neither completed nor cancelled. Create a new one.`,
      'invalid_state',
    ),
  uploadBytesDiffer: (expected: number, got: number) =>
    invalid(
      `The parts have ${got} bytes together, but the upload was created for ${expected}. Name all of its parts, each in its place.`,
      'invalid_value',
      'part_ids',
    ),
  uploadChecksumDiffers: (got: string) =>
    invalid(
      `The MD5 checksum of the parts in this order is ${got}, and not the one that was given. Check the order of 'part_ids', or send the part that is wrong again.`,
      'invalid_value',
      'md5',
    ),
  vectorStoreExpired: (id: string) => invalid(`Vector store '${id}' has expired.`, 'vector_store_expired'),

  modelNotFound: (model: string) =>
    new ApiError(404, `The model '${model}' does not exist or you do not have access to it.`, {
      code: 'model_not_found',
      param: 'model',
    }),

  invalidModelName: (model: string) =>
    invalid(
      `Invalid 'model': '${model.toWellFormed().slice(0, 100)}' cannot be the name of a model.`,
      'invalid_value',
      'model',
    ),

  // Syncs
  tooManySyncs: tooMany('syncs', 'Delete'),
  containerNotOpen: (container: string, open: readonly string[]) => {
    const those = open.length > 0 ? `, such as ${open.join(', ')}` : '';
    return invalid(
      `The container '${container}' is not open to syncs. SYNC_CONTAINERS names those that are${those}.`,
      'invalid_value',
      'container',
    );
  },

  // Schedules
  tooManySchedules: tooMany('schedules', 'Delete'),

  // Runs
  threadHasActiveRun: (thread: string, run: string) =>
    invalid(`Thread ${thread} already has an active run ${run}.`, null),
  threadLocked: (thread: string, run: string) =>
    invalid(`Can't add messages to ${thread} while a run ${run} is active.`, null),
  messagesLocked: (thread: string, run: string) =>
    invalid(`Can't delete messages from ${thread} while a run ${run} is active.`, null),
  runDoesNotTakeOutputs: (status: string) => invalid(`Runs in status "${status}" do not accept tool outputs.`, null),
  codeInterpreterOff: (param: string) =>
    invalid('There is no code interpreter: the setting CODE_INTERPRETER is off.', 'unsupported', param),
  sandboxUnavailable: ({ message }: Error) => unavailable(message),
  toolOutputsMismatch: (expected: string[], given: string[]) =>
    invalid(
      `Expected tool outputs for call_ids [${expected.map((id) => `'${id}'`).join(', ')}], got [${given.map((id) => `'${id}'`).join(', ')}]`,
      null,
      'tool_outputs',
    ),
  runNotCancellable: (status: string) => invalid(`Cannot cancel run with status '${status}'.`, null),
  deploymentNotFound: (model: string, advice: string) =>
    new ApiError(404, `The API deployment for this resource does not exist: '${model}'. ${advice}`, {
      code: 'DeploymentNotFound',
    }),
  /** A model that was needed to answer refused or failed; the fields of a ModelError. */
  modelFailed: ({ kind, message, retryAfterSeconds, param }: ModelFailure, cause?: unknown) => {
    const headers =
      retryAfterSeconds === undefined ? undefined : { 'retry-after': String(Math.ceil(retryAfterSeconds)) };
    return new ApiError(...modelFailures[kind](message, headers, param), { cause });
  },

  // Activities and questions to agents
  activityNotServed: (kind: string) =>
    new ApiError(501, `Activities of the type '${kind.slice(0, 128)}' are not served here.`, {
      code: 'not_implemented',
    }),
  conversationBusy: (id: string) =>
    new ApiError(409, `The conversation '${id.slice(0, 128)}' is still being answered. Retry in a few seconds.`, {
      code: 'conflict',
      headers: { 'retry-after': '5' },
    }),
  noAnswer: (reason: string) =>
    new ApiError(502, `The agent did not answer. ${reason}`, { type: 'server_error', code: 'agent_failed' }),

  // Responses
  noResponse: (id: string) => new ApiError(404, `Response with id '${id.slice(0, 128)}' not found.`),
  previousResponseNotFound: (id: string) =>
    invalid(
      `Previous response with id '${id.slice(0, 128)}' not found.`,
      'previous_response_not_found',
      'previous_response_id',
    ),
  previousResponseNotDone: (id: string, status: string) =>
    invalid(
      `Previous response with id '${id}' cannot be continued: its status is '${status}'. Wait for its end, or cancel it.`,
      'previous_response_not_completed',
      'previous_response_id',
    ),
  noItem: (id: string, param: string | null = null) =>
    new ApiError(404, `Item with id '${id.slice(0, 128)}' not found.`, { param }),
  noToolOutput: (callId: string) => invalid(`No tool output found for function call ${callId}.`, null, 'input'),
  noToolCall: (callId: string) =>
    invalid(`No tool call found for function call output with call_id ${callId}.`, null, 'input'),
  noApprovalRequest: (id: string) =>
    invalid(`No approval request found with id '${id}' that waits for an answer.`, null, 'input'),
  responseNotCancellable: (status: string) =>
    invalid(`Cannot cancel a response with status '${status}'.`, 'invalid_state'),
  responseNotInBackground: () => invalid('Cannot cancel a synchronous response.', 'invalid_state'),
  responseHasNoStream: (id: string) =>
    invalid(
      `Response '${id}' has no stream: only one that was created with 'background' and 'stream' has.`,
      'invalid_value',
      'stream',
    ),
  responseStreamGone: (id: string) =>
    invalid(
      `The events of response '${id}' are not kept any more: read the response itself.`,
      'invalid_value',
      'stream',
    ),
  needsUpstreamResponses: (param: string) =>
    invalid(
      "This tool needs an upstream that has Responses: set RESPONSES_MODE to 'upstream', and call it by a response; 'ask' and channels do not reach it.",
      'unsupported',
      param,
    ),
  noContainerFile: notFound('container file'),
  noContainer: (id: string, param: string | null = null) =>
    new ApiError(404, `Container with id '${id.slice(0, 128)}' not found.`, { param }),
  /** In the service's words. */
  containerExpired: (param: string | null = null) => invalid('Container is expired.', null, param),
  tooManyContainerFiles: tooMany('files in the container', 'Delete'),
  /** Files and vector stores of this server, where the upstream answers. */
  notOfUpstream: (kind: string, id: string, param: string) =>
    invalid(
      `The ${kind} '${id.slice(0, 128)}' is kept by this server, and the upstream that answers does not reach it. Set RESPONSES_MODE to 'native', or name a ${kind} of the upstream.`,
      'unsupported',
      param,
    ),
  /** `setting`: what names the upstream. */
  upstreamLacks: (what: string, setting: string) =>
    invalid(
      `The service that ${setting} names has no ${what}. Set RESPONSES_MODE to 'native', or ${setting} to a service that has it.`,
      'unsupported',
    ),
  noPrompt: (id: string) => new ApiError(404, `Prompt with id '${id.slice(0, 128)}' not found.`, { param: 'prompt' }),
  noConversation: (id: string) => new ApiError(404, `Conversation with id '${id.slice(0, 128)}' not found.`),
  conversationLocked: () =>
    invalid(
      'Another process is currently operating on this conversation. Please retry in a few seconds.',
      'conversation_locked',
      'conversation',
    ),
  duplicateItem: (id: string, param: string) =>
    invalid(
      `Duplicate item found with id ${id.slice(0, 128)}. Remove duplicate items from your input and try again.`,
      null,
      param,
    ),
  contextTooLong: (message: string) => invalid(message, 'context_length_exceeded', 'input'),
  mcpFailed: (label: string, message: string, cause?: unknown) =>
    new ApiError(
      424,
      `Error retrieving tool list from MCP server: '${label}'. ${message}`,
      { type: 'external_connector_error', code: 'http_error', param: 'tools' },
      { cause },
    ),

  // Chat on your data
  /** A source refused or failed; the fields of a SourceError. */
  dataSourceFailed: (type: string, { kind, message, param }: SourceFailure, cause?: unknown) => {
    const [status, code] = sourceFailures[kind];
    return new ApiError(
      status,
      `The data source '${type}' failed: ${message}`,
      { code, param: param ?? DATA_SOURCE },
      { cause },
    );
  },

  tooManyConflicts: () =>
    new ApiError(409, 'The object was changed by too many writers at once. Retry.', { code: 'conflict' }),
};
