/** The server's tools as models see them: names, descriptions, guidance, and what their arguments say. */
import type { FunctionTool } from '../models/ports';
import type { CodeResult } from './ports';

/** The names under which models are offered the server's tools. */
export const FILE_SEARCH = 'file_search';
export const CODE_INTERPRETER = 'code_interpreter';

const MAX_QUERIES = 5;
const MAX_QUERY_CHARACTERS = 4000;

/** The model asked for something that is not a call of a tool that it was offered. */
export class InvalidToolCallError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvalidToolCallError';
  }
}

/** What code that is none brings. */
export const NO_CODE: CodeResult = {
  logs: 'No code was given: call the tool with a JSON object whose member "code" is the Python code to run.',
  images: [],
  files: [],
};

/** file_search as models are offered it. */
export const SEARCH_TOOL: FunctionTool = {
  type: 'function',
  function: {
    name: FILE_SEARCH,
    description:
      "Searches the user's files and returns passages, each with a marker. Call it whenever the question may be answered by the files. Give one to five self-contained queries.",
    parameters: {
      type: 'object',
      properties: {
        queries: { type: 'array', items: { type: 'string' }, description: 'What to search for, in full words.' },
      },
      required: ['queries'],
      additionalProperties: false,
    },
  },
};

/** code_interpreter as models are offered it. */
export const CODE_TOOL: FunctionTool = {
  type: 'function',
  function: {
    name: CODE_INTERPRETER,
    description:
      "Runs Python code and returns what it printed, and the value of its last expression. Variables last between calls. The user's files are in the folder /mnt/data; " +
      'files written there are kept for the user, and images are shown. There is no network.',
    parameters: {
      type: 'object',
      properties: { code: { type: 'string', description: 'The Python code.' } },
      required: ['code'],
      additionalProperties: false,
    },
  },
};

const CITING =
  `The tool ${FILE_SEARCH} returns passages of the user's files, each with a marker such as 【0:1†report.pdf】. ` +
  'Copy the marker, exactly as it stands, directly behind every statement that you take from a passage. Never invent a marker.';

const LINKING =
  `To give the user a file that ${CODE_INTERPRETER} wrote, link it by its path behind 'sandbox:', ` +
  'for example [report.csv](sandbox:/mnt/data/report.csv).';

const GUIDANCE: Partial<Record<string, string>> = { [FILE_SEARCH]: CITING, [CODE_INTERPRETER]: LINKING };

/** What the model must know of the tools of these types, beside their descriptions. */
export const toolGuidance = (types: string[]): string[] => [...new Set(types)].flatMap((type) => GUIDANCE[type] ?? []);

/** The queries of a file_search call; a model that gives none, or broken JSON, searches for nothing. */
export function queriesOf(text: string): string[] {
  try {
    const parsed: unknown = JSON.parse(text);
    const queries: unknown = typeof parsed === 'object' && parsed !== null && 'queries' in parsed ? parsed.queries : [];
    const list: unknown[] = Array.isArray(queries) ? queries : [queries];
    return list
      .flatMap((query) =>
        typeof query === 'string' && query.trim() !== '' ? [query.slice(0, MAX_QUERY_CHARACTERS)] : [],
      )
      .slice(0, MAX_QUERIES);
  } catch {
    return [];
  }
}
