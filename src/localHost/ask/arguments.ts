/** The command line of `npm run ask`. */
import { parseArgs } from 'node:util';

/** The command line is wrong. The message is one line that says what it takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface AskArguments {
  /** Files and folders as typed, at least one. */
  paths: string[];
  question: string;
  model: string | undefined;
  /** Without a trailing slash or `/v1`. */
  hostUrl: string | undefined;
  apiKey: string | undefined;
  /** Leaves on the host what was made there. */
  keep: boolean;
}

export const HELP = `Answers a question from your documents, and shows where each sentence comes from.

  npm run ask -- --files <file or folder>... "question"

  --files <path>...  files, and folders with everything in them; may be repeated
  --model <name>     who answers (or ASK_MODEL): a deployment of the upstream that AZURE_OPENAI_ENDPOINT or
                     OPENAI_BASE_URL names; default: local-extractive, the built-in model
  --host-url <url>   the host to use; default: the one at PORT (7071), or else one that runs for this question only
  --api-key <key>    that host's key; default: the first of API_KEYS, or the one in DATA_DIR
  --keep             leave the files, the vector store, the assistant and the thread on the host
  --help

The question comes last. Hidden files in folders are left out. The answer goes to standard output, all else to standard error.
`;

/** Reads the arguments, or 'help' when they ask for it. Throws {@link UsageError}. */
export function readArguments(argv: string[]): AskArguments | 'help' {
  const { values, positionals } = parse(argv);
  if (values.help) return 'help';
  const question = positionals.at(-1)?.trim();
  // Without `--` npm takes --files for itself.
  if (!values.files) throw new UsageError('--files is missing. Behind npm run ask, a lone -- comes first.');
  if (!question) throw new UsageError('The question is missing; it comes last.');
  const paths = [...values.files, ...positionals.slice(0, -1)];
  if (paths.includes('')) throw new UsageError('--files takes the path of a file or folder.');
  return {
    paths,
    question,
    model: values.model,
    hostUrl: values['host-url'] === undefined ? undefined : readHostUrl(values['host-url']),
    apiKey: values['api-key'],
    keep: values.keep,
  };
}

function parse(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        files: { type: 'string', multiple: true },
        model: { type: 'string' },
        'host-url': { type: 'string' },
        'api-key': { type: 'string' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function readHostUrl(text: string): string {
  if (!/^https?:\/\/./i.test(text) || !URL.canParse(text)) {
    throw new UsageError('--host-url takes an address such as http://127.0.0.1:7071.');
  }
  return text.replace(/\/+$/, '').replace(/\/v1$/, '');
}
