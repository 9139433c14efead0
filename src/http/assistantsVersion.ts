/** Which form of the assistants API a request speaks. */
import type { Call } from './operation';

/** Of the first api-version of Azure that has file_search and vector stores. */
const FILE_SEARCH_SINCE = '2024-05-01';

/** Whether the caller asks for the older form: by `OpenAI-Beta: assistants=v1`, or by an api-version of that time. */
export const asksForOlderForm = ({ request, apiVersion }: Pick<Call, 'request' | 'apiVersion'>): boolean =>
  /\bassistants=v1\b/i.test(request.headers.get('openai-beta') ?? '') ||
  // `preview`, `latest` and `v1` sort behind every date.
  (apiVersion !== undefined && apiVersion < FILE_SEARCH_SINCE);
