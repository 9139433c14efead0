/** The states of a run, and what changes with each (components.md section 8). Pure. */
import type { LastError, MessageObject, RunObject, RunStatus, RunStepObject } from '../wire/threads';

const TERMINAL: readonly RunStatus[] = ['cancelled', 'failed', 'completed', 'incomplete', 'expired'];

/** Whether nothing can happen to the run any more. */
export const isTerminal = (status: RunStatus): boolean => TERMINAL.includes(status);

/** How a run ends. */
export type Ending =
  | { status: 'completed' }
  | { status: 'cancelled' }
  | { status: 'expired' }
  | { status: 'failed'; error: LastError }
  | { status: 'incomplete'; reason: 'max_completion_tokens' | 'max_prompt_tokens' };

/** The run after its end, `at` in Unix seconds. `expires_at` is null from then on (oddity O36). */
export function ended(run: RunObject, ending: Ending, at: number): RunObject {
  return {
    ...run,
    status: ending.status,
    required_action: null,
    expires_at: null,
    last_error: ending.status === 'failed' ? ending.error : null,
    incomplete_details: ending.status === 'incomplete' ? { reason: ending.reason } : null,
    completed_at: ending.status === 'completed' ? at : run.completed_at,
    cancelled_at: ending.status === 'cancelled' ? at : null,
    failed_at: ending.status === 'failed' ? at : null,
    usage: run.usage ?? { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  };
}

/** A step that was under way when its run ended. */
export function endedStep(step: RunStepObject, ending: Ending, at: number): RunStepObject {
  switch (ending.status) {
    case 'completed':
    case 'incomplete':
      return { ...step, status: 'completed', completed_at: at };
    case 'cancelled':
      return { ...step, status: 'cancelled', cancelled_at: at };
    case 'expired':
      return { ...step, status: 'expired', expired_at: at };
    case 'failed':
      return { ...step, status: 'failed', failed_at: at, last_error: ofStep(ending.error) };
  }
}

/** Steps have no code for a prompt that was refused. */
const ofStep = ({ code, message }: LastError): RunStepObject['last_error'] => ({
  code: code === 'invalid_prompt' ? 'server_error' : code,
  message,
});

const INCOMPLETE_REASON = {
  cancelled: 'run_cancelled',
  expired: 'run_expired',
  failed: 'run_failed',
  incomplete: 'max_tokens',
} as const;

/** A message that was being written when its run ended. */
export function endedMessage(message: MessageObject, ending: Ending, at: number): MessageObject {
  if (ending.status === 'completed') return { ...message, status: 'completed', completed_at: at };
  const isFiltered = ending.status === 'failed' && ending.error.code === 'invalid_prompt';
  const reason = isFiltered ? 'content_filter' : INCOMPLETE_REASON[ending.status];
  return { ...message, status: 'incomplete', incomplete_at: at, incomplete_details: { reason } };
}
