/** The code_interpreter tool of runs and responses: joins the sandbox and the files of retrieval. */
import { Readable } from 'node:stream';
import type { CodeInterpreterTool, CodeResult, PlacedFile } from '../agentLoop/ports';
import type { Retrieval } from '../retrieval/retrieval';
import type { Scope } from '../scope';
import { errors } from '../errors';
import { newId } from '../storage/keys';
import { IMAGE_HEAD_BYTES, isImage } from './imageContent';
import { SandboxUnavailableError, type Sandbox, type SandboxFile, type WrittenFile } from './ports';

const MEGABYTE = 1024 * 1024;
const DATA_FOLDER = '/mnt/data/';

/** What one call may read, write and print. What is beyond is left out, and the output says so. */
export const codeInterpreterLimits = {
  inputFiles: 100,
  /** Of all input files together: they are in the memory of the sandbox. */
  inputBytes: 128 * MEGABYTE,
  outputFiles: 20,
  /** Of all written files together. */
  outputBytes: 128 * MEGABYTE,
  outputCharacters: 64_000,
};

/** Runs code with the files of the scope; what it writes becomes files with the purpose `assistants_output`. */
export function codeInterpreterTool(
  { files }: Pick<Retrieval, 'files'>,
  sandbox: Sandbox,
  limits = codeInterpreterLimits,
): CodeInterpreterTool {
  /** The files to read, those of callers before what code wrote, with a note of each that is left out. */
  async function inputFiles(
    scope: Scope,
    ids: string[],
    placed: PlacedFile[],
  ): Promise<{ input: SandboxFile[]; notes: string[] }> {
    const found = await files.findAll(scope, ids);
    const input: SandboxFile[] = [];
    const notes: string[] = [];
    const taken = new Set<string>();
    /** When callers' files came, in Unix seconds, by name. */
    const came = new Map<string, number>();
    let bytes = 0;
    const fits = (file: { bytes: number }): boolean => {
      if (input.length >= limits.inputFiles || bytes + file.bytes > limits.inputBytes) return false;
      bytes += file.bytes;
      return true;
    };
    const leaveOut = (name: string): void => {
      const most = `${limits.inputFiles} files of together ${limits.inputBytes / MEGABYTE} MB`;
      notes.push(`[File ${name} is left out: the sandbox takes at most ${most}.]`);
    };
    for (const file of placed.filter(({ isWritten }) => !isWritten)) {
      const name = nameIn(file);
      taken.add(name);
      if (fits(file)) input.push({ id: file.id, name, open: file.open });
      else leaveOut(name);
    }
    for (const id of new Set(ids)) {
      const file = found.get(id);
      if (!file) notes.push(`[File ${id} is not there any more.]`);
      else if (!fits(file)) leaveOut(file.filename);
      else {
        const name = distinctName(plainName(file.filename), taken);
        came.set(name, file.created_at);
        input.push({ id, name, open: async () => (await files.content(scope, id)).content });
      }
    }
    // What code wrote is there as long as its session lives, so that nothing need be said of what has no room. Callers' files keep their names; what code made of one comes after it.
    for (const file of placed.filter(({ isWritten }) => isWritten)) {
      const name = nameIn(file);
      const isChanged = (file.created_at ?? -Infinity) >= (came.get(name) ?? Infinity);
      if ((!isChanged && standsInWay(name, taken)) || !fits(file)) continue;
      came.delete(name);
      taken.add(name);
      input.push({ id: file.id, name, open: file.open, onlyAtStart: true });
    }
    return { input, notes };
  }

  async function store(scope: Scope, file: WrittenFile): Promise<{ fileId: string; isImage: boolean }> {
    let head: Buffer = Buffer.alloc(0);
    async function* watched(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const piece of content) {
        if (head.length < IMAGE_HEAD_BYTES) head = Buffer.concat([head, piece.subarray(0, IMAGE_HEAD_BYTES)]);
        yield piece;
      }
    }
    const fileId = newId('file-');
    const content = Readable.from(watched(await file.open()));
    await files.put(scope, fileId, plainName(file.path), content, 'assistants_output');
    return { fileId, isImage: isImage(head) };
  }

  return {
    prepare: () => sandbox.prepare(),
    end: async (scope, session) => sandbox.end(nameOf(scope, session)),

    async run({ scope, session, code, fileIds, placed }, signal) {
      const { input, notes } = await inputFiles(scope, fileIds, placed?.files ?? []);
      const taken = placed?.removed.map(({ id, path }) => ({ key: id, name: path.slice(DATA_FOLDER.length) }));
      const images: CodeResult['images'] = [];
      const others: CodeResult['files'] = [];
      const owned = nameOf(scope, session);
      try {
        const output = await sandbox.run(
          { session: owned, code, files: input, taken },
          async ({ written, more }) => {
            let bytes = 0;
            let count = 0;
            for (const file of written) {
              if (count >= limits.outputFiles || bytes + file.bytes > limits.outputBytes) {
                const most = `${limits.outputFiles} files of together ${limits.outputBytes / MEGABYTE} MB`;
                notes.push(`[${file.path} is not handed on: one call may write at most ${most}.]`);
                continue;
              }
              signal?.throwIfAborted();
              bytes += file.bytes;
              count += 1;
              const { fileId, isImage } = await store(scope, file);
              (isImage ? images : others).push({ fileId, path: file.path });
            }
            if (more) notes.push('[More files were written than can be looked at; they are not handed on.]');
          },
          signal,
        );
        const noted = [...shortened(notes), ''].join('\n');
        return { logs: cutOutput(output, limits.outputCharacters) + noted, images, files: others };
      } catch (error) {
        // Nobody will ever know of these.
        await Promise.allSettled([...images, ...others].map(async ({ fileId }) => files.remove(scope, fileId)));
        throw error instanceof SandboxUnavailableError ? errors.sandboxUnavailable(error) : error;
      }
    },
  };
}

/** Name of the session in the sandbox, which all tenants share. */
const nameOf = ({ tenant, project }: Scope, session: string): string => JSON.stringify([tenant, project, session]);

/** The path below the data folder. */
const nameIn = ({ path }: PlacedFile): string => path.slice(DATA_FOLDER.length);

/** Whether a file of that name cannot be there beside the others: one has the name, or one is a folder of the other. */
const standsInWay = (name: string, others: Set<string>): boolean =>
  others.has(name) || [...others].some((other) => other.startsWith(`${name}/`) || name.startsWith(`${other}/`));

/** The last segment of a path, without what a file name cannot hold. */
function plainName(path: string): string {
  const name = (path.split(/[\\/]/).at(-1) ?? '')
    .replace(/\p{Cc}/gu, '')
    .trim()
    .slice(-200)
    .toWellFormed();
  return ['', '.', '..'].includes(name) ? 'file' : name;
}

/** The name, or `name-2.ext` and so on when it is taken. */
function distinctName(name: string, taken: Set<string>): string {
  const dot = name.lastIndexOf('.') > 0 ? name.lastIndexOf('.') : name.length;
  let distinct = name;
  for (let number = 2; taken.has(distinct); number += 1) distinct = `${name.slice(0, dot)}-${number}${name.slice(dot)}`;
  taken.add(distinct);
  return distinct;
}

/** Beginning and end of an output that is too long, where the traceback is; a line between them says what is cut. */
function cutOutput(output: string, most: number): string {
  if (output.length <= most) return output;
  const half = Math.floor(most / 2);
  const cut = output.length - 2 * half;
  return `${output.slice(0, half)}\n[${cut} characters of the output are cut here.]\n${output.slice(-half)}`.toWellFormed();
}

/** The first notes; a line tells how many more there are. */
function shortened(notes: string[]): string[] {
  const most = 20;
  if (notes.length <= most) return notes;
  return [...notes.slice(0, most), `[${notes.length - most} more files are left out.]`];
}
