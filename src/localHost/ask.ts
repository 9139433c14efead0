/** `npm run ask`: answers a question from files, with citations. Everything goes through the official SDK and the host's own API. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { APIError, AuthenticationError } from 'openai';
import { ConfigError } from '../config';
import { answerFromFiles, HostGone } from './ask/answerFromFiles';
import { HELP, readArguments, UsageError } from './ask/arguments';
import { RunFailure } from './ask/askQuestion';
import { FilesError } from './ask/findFiles';
import { plainText } from './ask/plainText';
import { serviceMessage } from './ask/serviceMessage';
import { HostFailure } from './ask/startHost';
import { answer } from './ask/terminal';

const ANSWERED = 0;
const FAILED = 1;
const WRONG_USAGE = 2;
/** As shells say it of what Ctrl-C ended. */
const INTERRUPTED = 130;

async function main(): Promise<number> {
  const interruption = new AbortController();
  stopOnSignals(interruption);
  try {
    const args = readArguments(process.argv.slice(2));
    if (args === 'help') answer(HELP);
    else {
      await refusePath(args.question);
      await answerFromFiles(args, baseFolder(), { ...process.env }, interruption.signal);
    }
    return ANSWERED;
  } catch (error) {
    if (interruption.signal.aborted) return INTERRUPTED;
    const isUsage = error instanceof UsageError;
    process.stderr.write(`${plainText(describe(error))}\n${isUsage ? `\n${HELP}` : ''}`);
    return isUsage ? WRONG_USAGE : FAILED;
  }
}

/** npm runs its scripts in the project's folder, wherever it was called. */
function baseFolder(): string {
  const { npm_lifecycle_event: script, INIT_CWD: calledIn } = process.env;
  return (script === 'ask' && calledIn) || process.cwd();
}

/** Whoever forgets the question gives a path last. */
async function refusePath(question: string): Promise<void> {
  const isPath = await stat(resolve(baseFolder(), question)).then(
    () => true,
    () => false,
  );
  if (isPath) throw new UsageError(`The question is missing, which comes last: '${question}' is a file or folder.`);
}

/** Lets the work end in order when the user, the terminal or the reader of the answer is gone; the second signal ends it at once. */
function stopOnSignals(interruption: AbortController): void {
  const interrupt = (): void => {
    if (interruption.signal.aborted) process.exit(INTERRUPTED);
    interruption.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('SIGHUP', interrupt);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => interruption.abort());
}

/** Plain words for what the user can mend, a stack for what they can't. */
function describe(error: unknown): string {
  if (error instanceof AuthenticationError) {
    return 'The host does not accept the key: give its key with --api-key, or in API_KEYS, or its DATA_DIR.';
  }
  if (error instanceof APIError) return serviceMessage(error);
  const isPlain = [ConfigError, FilesError, HostFailure, HostGone, RunFailure, UsageError].some(
    (kind) => error instanceof kind,
  );
  if (!(error instanceof Error)) return String(error);
  return isPlain ? error.message : (error.stack ?? error.message);
}

void main().then((code) => {
  process.exitCode = code;
});
