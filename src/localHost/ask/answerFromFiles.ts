/** The whole of `npm run ask`: files, host, upload, ingestion, question, and removal of what was made. */
import { APIConnectionError, OpenAI } from 'openai';
import type { AskArguments } from './arguments';
import { askQuestion } from './askQuestion';
import type { Citation } from './citations';
import { FilesError, findFiles, type FoundFiles } from './findFiles';
import { findHost, type Host } from './findHost';
import { ingestFiles } from './ingestFiles';
import { MadeObjects } from './madeObjects';
import { startProgress, type Progress } from './progress';
import { answer, note, showCitations, tellUnread, warn } from './terminal';
import { uploadFiles } from './uploadFiles';

/** Name of the built-in model, which every host has. */
const LOCAL_MODEL = 'local-extractive';

/** The host stopped answering. The message is for the user. */
export class HostGone extends Error {
  override readonly name = 'HostGone';
}

/**
 * Answers the question on the terminal. `base` is the folder that the paths are relative to; `env` is completed from
 * local.settings.json. Throws errors whose message is for the user: FilesError, ConfigError, HostFailure, {@link HostGone}, RunFailure
 * and the SDK's APIError. Whatever happens, what was made on the host is removed, unless `keep`, and a host that was started is stopped.
 */
export async function answerFromFiles(
  args: AskArguments,
  base: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  const found = await findFiles(args.paths, base, signal);
  if (found.files.length === 0) refuseNothing(found);
  const starting = (): void => note('No host answers; one is started for this question.');
  const host = await findHost(args, process.cwd(), env, starting, signal);
  try {
    await askHost(host, args, found, modelOf(args, env), signal);
  } catch (error) {
    if (error instanceof APIConnectionError) throw hostGone(host, error);
    throw error;
  } finally {
    await host.stop();
  }
}

function modelOf({ model }: AskArguments, env: NodeJS.ProcessEnv): string {
  const chosen = model ?? env.ASK_MODEL?.trim();
  if (chosen) return chosen;
  if (env.AZURE_OPENAI_ENDPOINT?.trim() || env.OPENAI_BASE_URL?.trim()) {
    note(
      'The built-in model answers. To ask a model of your upstream give its name: --model <deployment>, or ASK_MODEL.',
    );
  }
  return LOCAL_MODEL;
}

async function askHost(
  host: Host,
  args: AskArguments,
  found: FoundFiles,
  model: string,
  signal: AbortSignal,
): Promise<void> {
  // All given, for the SDK reads what is missing from the environment, where it belongs to the host's upstream.
  const account = { organization: null, project: null, adminAPIKey: null };
  const client = new OpenAI({ baseURL: `${host.url}/v1`, apiKey: host.apiKey, ...account });
  const made = new MadeObjects();
  try {
    const { storeId, names } = await fillStore(client, found, made, !args.keep, signal);
    process.stderr.write('\n');
    const ask = (write: (text: string) => void) =>
      askQuestion(client, { model, text: args.question, storeId }, made, write, signal);
    showCitations(await answered(ask), names);
  } finally {
    if (args.keep) note(`Kept: ${made.summary()}.`);
    else if (host.endedWith() === undefined) await clear(client, made, signal);
  }
}

/** Shows the answer as it comes, and ends its line also where it breaks off. */
async function answered(ask: (write: (text: string) => void) => Promise<Citation[]>): Promise<Citation[]> {
  let begun = false;
  try {
    return await ask((text) => {
      begun = true;
      answer(text);
    });
  } finally {
    if (begun) answer('\n');
  }
}

/** Uploads and ingests the files, and tells which could not be read. Throws {@link FilesError} if none could. */
async function fillStore(
  client: OpenAI,
  { files, unread }: FoundFiles,
  made: MadeObjects,
  expires: boolean,
  signal: AbortSignal,
): Promise<{ storeId: string; names: ReadonlyMap<string, string> }> {
  const uploaded = await shown('Uploading', files.length, (progress) =>
    uploadFiles(client, files, made, expires, progress, signal),
  );
  const { names } = uploaded;
  unread = [...unread, ...uploaded.unread];
  if (names.size === 0) refuseNothing({ files, unread });
  const { storeId, failed } = await shown('Ingesting', names.size, (progress) =>
    ingestFiles(client, names, made, expires, progress, signal),
  );
  unread = [...unread, ...failed];
  if (failed.length === names.size) refuseNothing({ files, unread });
  tellUnread(unread);
  return { storeId, names };
}

async function shown<T>(label: string, total: number, work: (progress: Progress) => Promise<T>): Promise<T> {
  const progress = startProgress(label, total);
  try {
    return await work(progress);
  } finally {
    progress.end();
  }
}

function refuseNothing({ unread }: FoundFiles): never {
  tellUnread(unread);
  throw new FilesError(
    unread.length > 0 ? 'None of the files could be read.' : 'There are no files in what was given.',
  );
}

async function clear(client: OpenAI, made: MadeObjects, signal: AbortSignal): Promise<void> {
  if (signal.aborted) note('\nStopping: what was made on the host is removed …');
  try {
    const failures = await made.remove(client);
    for (const failure of failures) warn(`Not removed: ${failure}`);
  } catch (error) {
    if (!(error instanceof APIConnectionError)) throw error;
    warn('The host does not answer any more: what was uploaded there is removed by itself after a day.');
  }
}

function hostGone(host: Host, cause: APIConnectionError): HostGone {
  const lastLines = host.endedWith();
  if (lastLines !== undefined) return new HostGone(`The host ended. Its last lines:\n${lastLines}`, { cause });
  const reason = cause.cause instanceof Error ? ` (${deepest(cause.cause)})` : '';
  return new HostGone(`The host at ${host.url} does not answer${reason}.`, { cause });
}

/** The message of the error at the bottom: fetch wraps what the network says. */
function deepest(error: Error): string {
  return error.cause instanceof Error ? deepest(error.cause) : error.message;
}
