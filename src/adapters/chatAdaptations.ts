/** What models refuse of a chat request, learned from their answers, and how the request is put for them instead. */
import { ModelError, type ChatRequest } from '../models/ports';

/** A chat completion's body. */
type Body = Record<string, unknown>;

/** Fields that only tune an answer; where a model has no such knob, the answer is as good without. */
const DROPPED = ['temperature', 'top_p', 'parallel_tool_calls'] as const;
type Adaptation = (typeof DROPPED)[number] | 'max_completion_tokens' | 'developer role' | 'user role';

const MAX_MODELS = 1_000;
/** A deployment may be given another model: what was learned is forgotten and, if need be, learned again. */
const KEPT_MS = 60 * 60 * 1000;

/** A request as its model takes it, as far as that is known. */
export interface AdaptedRequest {
  model: string;
  body: Body;
  adaptations: ReadonlySet<Adaptation>;
}

export interface ChatAdaptations {
  adapt(request: ChatRequest): AdaptedRequest;
  /** Whether the error refuses something that was sent and can be put otherwise: then the request is worth another try. */
  learn(sent: AdaptedRequest, error: unknown): boolean;
}

/**
 * Remembers, for up to 1,000 models and an hour, which fields and roles a model refused.
 *
 * @param now Unix milliseconds.
 */
export function chatAdaptations(now: () => number): ChatAdaptations {
  const models = new Map<string, { since: number; known: Set<Adaptation> }>();
  const knownOf = (model: string): ReadonlySet<Adaptation> => {
    const entry = models.get(model);
    if (entry && now() - entry.since < KEPT_MS) return entry.known;
    models.delete(model);
    return new Set();
  };
  return {
    adapt(request) {
      const adaptations = knownOf(request.model);
      return { model: request.model, body: adapted(request, adaptations), adaptations };
    },
    learn({ model, adaptations }, error) {
      const adaptation = refusedBy(error, adaptations);
      // Another call may have learned it meanwhile: what counts is what was sent.
      if (!adaptation || adaptations.has(adaptation)) return false;
      const known = new Set([...knownOf(model), ...adaptations, adaptation]);
      models.set(model, { since: models.get(model)?.since ?? now(), known });
      const oldest = models.keys().next().value;
      if (models.size > MAX_MODELS && oldest !== undefined) models.delete(oldest);
      return true;
    },
  };
}

function adapted(request: ChatRequest, known: ReadonlySet<Adaptation>): Body {
  const body: Body = { ...request };
  for (const field of DROPPED) if (known.has(field)) delete body[field];
  if (known.has('max_completion_tokens') && request.max_completion_tokens !== undefined) {
    delete body.max_completion_tokens;
    body.max_tokens = request.max_completion_tokens;
  }
  const role = known.has('user role') ? 'user' : known.has('developer role') ? 'developer' : 'system';
  body.messages = request.messages.map((message) => (message.role === 'system' ? { ...message, role } : message));
  return body;
}

const REFUSALS = new Set(['unsupported_parameter', 'unsupported_value', 'unknown_parameter']);
/** Services that name neither code nor parameter say it in these words. */
const IN_WORDS =
  /(?:unsupported (?:parameter|value):|unrecognized request arguments? supplied:|unknown parameter:)\s*['"]?([\w.[\]]+)/i;
const ROLE_IN_WORDS = /\bsystem role (?:is )?not supported|role '?(?:system|developer)'? is not supported/i;

/** What the error says that the model refuses, if it is something that can be put otherwise. */
function refusedBy(error: unknown, known: ReadonlySet<Adaptation>): Adaptation | undefined {
  if (!(error instanceof ModelError) || error.kind !== 'invalid_request') return undefined;
  const { code = '', message } = error;
  const param = error.param ?? IN_WORDS.exec(message)?.[1] ?? '';
  const isRefusal = REFUSALS.has(code) || IN_WORDS.test(message);
  const isRole = /^messages\b.*\brole$/.test(param) && (isRefusal || code === 'invalid_value');
  if (isRole || ROLE_IN_WORDS.test(message)) return known.has('developer role') ? 'user role' : 'developer role';
  if (!isRefusal) return undefined;
  if (param === 'max_completion_tokens') return param;
  return DROPPED.find((field) => field === param);
}
