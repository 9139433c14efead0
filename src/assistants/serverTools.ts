/** file_search and code_interpreter with the settings and resources of a run. */
import { errors } from '../errors';
import type { MessageObject } from '../wire/threads';
import type { DrivenRun } from './drivenRun';
import type { AssistantsPorts } from './ports';
import type { StepRecord } from './threadRecords';
import type { ServerTools } from './toolCallStep';
import { writtenFiles } from './writtenFiles';

/** Results of a search whose tool sets no `max_num_results` (operations.md section 8): a window of 16,000 tokens has room for few. */
const defaultResults = (model: string): number => (/^gpt-?3\.?5-turbo/i.test(model) ? 5 : 20);

/** The tools of the run that is driven, after `history` and its own `steps`; their work ends with its signal. */
export function serverTools(
  { fileSearch, codeInterpreter, files }: Pick<AssistantsPorts, 'fileSearch' | 'codeInterpreter' | 'files'>,
  { reference, run, signal }: Pick<DrivenRun, 'reference' | 'run' | 'signal'>,
  history: MessageObject[],
  steps: StepRecord[],
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
    runCode: async (code, written) => {
      // The setting was changed since the run was created.
      if (!codeInterpreter) throw errors.codeInterpreterOff('tools');
      const earlier = steps.flatMap((record) => Object.values(record.files ?? {}).flat());
      const placed = await writtenFiles(files, scope, history, [...earlier, ...written]);
      return codeInterpreter.run({ scope, session: threadId, code, fileIds, placed }, signal);
    },
  };
}
