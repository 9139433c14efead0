/** How long Azure's services are waited for. Their libraries give up a request without an answer at once, while they repeat it after every other fault. */
import { RestError, type PipelinePolicy, type PipelineRequest } from '@azure/core-rest-pipeline';

/** Times that a request without an answer is sent again: connections that were idle may have been dropped on the way, and nobody is told. */
const MAX_UNANSWERED = 2;

/** A policy for the phase behind `Retry` that bounds each sending until its answer is there. @param milliseconds Of one sending. */
export function timeLimit(milliseconds: number): PipelinePolicy {
  const unanswered = new WeakMap<PipelineRequest, number>();
  return {
    name: 'timeLimit',
    async sendRequest(request, next) {
      request.timeout = milliseconds;
      try {
        return await next(request);
      } catch (error) {
        const isLate = error instanceof Error && error.name === 'AbortError' && !request.abortSignal?.aborted;
        const count = (unanswered.get(request) ?? 0) + 1;
        if (!isLate || count > MAX_UNANSWERED) throw error;
        unanswered.set(request, count);
        // By its code the library's retries know it.
        throw new RestError(`No answer within ${milliseconds} ms.`, { code: 'ETIMEDOUT', request });
      }
    },
  };
}
