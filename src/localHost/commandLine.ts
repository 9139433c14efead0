/** What the commands `npm run keys` and `npm run tenant` share: reading arguments, and telling of faults. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { ConfigError } from '../config';
import { ApiError } from '../errors';

/** The command line is wrong. The message is one line that says what it takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

/** The options and what stands beside them. Throws {@link UsageError} for an option that is unknown, or given twice. */
export function parseOptions<O extends ParseArgsOptionsConfig>(args: string[], options: O) {
  const parsed = parsedOptions(args, options);
  const names = parsed.tokens.flatMap((token) => (token.kind === 'option' ? token.name : []));
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  // The last would count: another tenant than the one that was looked at.
  if (twice) throw new UsageError(`--${twice} is given twice.`);
  return parsed;
}

function parsedOptions<O extends ParseArgsOptionsConfig>(args: string[], options: O) {
  try {
    return parseArgs({ args, allowPositionals: true, tokens: true, options });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Throws {@link UsageError} for an option that the command does not take. */
export function refuseOptions<K extends string>(values: Partial<Record<K, unknown>>, ...names: K[]): void {
  const given = names.find((name) => values[name] !== undefined);
  if (given) throw new UsageError(`--${given} has no meaning for this command.`);
}

/** Reads the arguments and carries the command out; the exit code says how it went. Errors of the names in `plain` are told by their message alone. */
export async function runCommand<C extends { name: string }>(
  help: string,
  read: (argv: string[], now: number) => C | { name: 'help' },
  run: (command: C) => Promise<void>,
  plain: readonly string[] = [],
): Promise<void> {
  process.exitCode = await attempt(help, read, run, plain);
}

async function attempt<C extends { name: string }>(
  help: string,
  read: (argv: string[], now: number) => C | { name: 'help' },
  run: (command: C) => Promise<void>,
  plain: readonly string[],
): Promise<number> {
  try {
    const command = read(process.argv.slice(2), Date.now());
    if (isHelp(command)) process.stdout.write(help);
    else await run(command);
    return DONE;
  } catch (error) {
    const isPlain =
      error instanceof ConfigError ||
      error instanceof ApiError ||
      error instanceof UsageError ||
      (error instanceof Error && plain.includes(error.name));
    tell(isPlain ? error.message : ((error instanceof Error ? error.stack : undefined) ?? String(error)));
    if (!(error instanceof UsageError)) return FAILED;
    tell(`\n${help}`.trimEnd());
    return WRONG_USAGE;
  }
}

const isHelp = (command: { name: string }): command is { name: 'help' } => command.name === 'help';

/** What is for people; standard output is for what programs read. */
export const tell = (line: string): void => void process.stderr.write(`${line}\n`);
