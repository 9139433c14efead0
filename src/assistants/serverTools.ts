/** file_search and code_interpreter with the settings and resources of a run. */
import { errors } from '../errors';
import type { DrivenRun } from './drivenRun';
import type { AssistantsPorts } from './ports';
import type { ServerTools } from './toolCallStep';

/** Results of a search whose tool sets no `max_num_results` (operations.md section 8): a window of 16,000 tokens has room for few. */
const defaultResults = (model: string): number => (/^gpt-?3\.?5-turbo/i.test(model) ? 5 : 20);

/** The tools of the run that is driven; their work ends with its signal. */
export function serverTools(
  { fileSearch, codeInterpreter }: Pick<AssistantsPorts, 'fileSearch' | 'codeInterpreter'>,
  { reference, run, signal }: Pick<DrivenRun, 'reference' | 'run' | 'signal'>,
): ServerTools {
  const { scope, threadId } = reference;
  const tool = run.tools.find(({ type }) => type === 'file_search');
  const options = tool?.type === 'file_search' ? tool.file_search : undefined;
  const ranking = {
    ranker: options?.ranking_options?.ranker ?? 'auto',
    score_threshold: options?.ranking_options?.score_threshold ?? 0,
  };
  const limits = {
    limit: options?.max_num_results ?? defaultResults(run.model),
    scoreThreshold: ranking.score_threshold,
  };
  const stores = run.tool_resources.file_search?.vector_store_ids ?? [];
  const fileIds = run.tool_resources.code_interpreter?.file_ids ?? [];
  return {
    ranking,
    search: async (queries) => fileSearch.search(scope, stores, queries, limits, signal),
    runCode: async (code) => {
      // The setting was changed since the run was created.
      if (!codeInterpreter) throw errors.codeInterpreterOff('tools');
      return codeInterpreter.run({ scope, session: threadId, code, fileIds }, signal);
    },
  };
}
