/** Which form of the assistants API a request speaks. */

/** Of the first api-version of Azure that has file_search and vector stores. */
const FILE_SEARCH_SINCE = '2024-05-01';

/** Whether the caller asks for the older form: by `OpenAI-Beta: assistants=v1`, or by an api-version of that time. */
export function asksForOlderForm({ headers, url }: Request): boolean {
  if (/\bassistants=v1\b/i.test(headers.get('openai-beta') ?? '')) return true;
  const dated = /[?&]api-version=(\d{4}-\d{2}-\d{2})/.exec(url)?.[1];
  return dated !== undefined && dated < FILE_SEARCH_SINCE;
}
