/** Files that code of a thread wrote: its later code finds them where the session begins anew. */
import type { AttachableFiles, PlacedFile, PlacedFiles } from '../agentLoop/ports';
import { linkedPath, type WrittenFile } from '../agentLoop/toolOutputs';
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { MessageObject } from '../wire/threads';

/** What code of a thread has given; the newest are put back. */
const MAX_FILES = 100;

/** A file that a message shows or links to; an image tells no link. */
interface ShownFile {
  fileId: string;
  link?: string;
}

/** The files of code that the messages show or link to, in the messages' order. */
const shownFiles = (messages: MessageObject[]): ShownFile[] =>
  messages
    .filter(({ role }) => role === 'assistant')
    .flatMap(({ content }) => content)
    .flatMap((part): ShownFile[] => {
      if (part.type === 'image_file') return [{ fileId: part.image_file.file_id }];
      if (part.type !== 'text') return [];
      return part.text.annotations.flatMap((one) =>
        one.type === 'file_path' ? [{ fileId: one.file_path.file_id, link: one.text }] : [],
      );
    });

/**
 * The newest files of code that are there still, the newest first: those that the thread's messages before the run show or link to, which are attached to them for the tool, and
 * `written`, those of the run itself, oldest first. Undefined where there are none.
 */
export async function writtenFiles(
  files: AttachableFiles,
  scope: Scope,
  history: MessageObject[],
  written: WrittenFile[],
): Promise<PlacedFiles | undefined> {
  const given = [...shownFiles(history), ...written.map(({ fileId, path }) => ({ fileId, path }))];
  const newest = new Map(given.reverse().map((file) => [file.fileId, file]));
  const asked = [...newest.values()].slice(0, MAX_FILES);
  if (asked.length === 0) return undefined;
  const found = await files.describe(
    scope,
    asked.map(({ fileId }) => fileId),
  );
  const placed = new Map<string, PlacedFile>();
  for (const file of asked) {
    const { fileId: id } = file;
    const known = found.get(id);
    if (!known) continue;
    const path = 'path' in file ? file.path : linkedPath(file.link, known.filename);
    const open = async () => {
      const opened = await files.open(scope, id);
      if (!opened) throw errors.noFile(id);
      return opened.content;
    };
    const { bytes, created_at } = known;
    if (!placed.has(path)) placed.set(path, { id, path, bytes, created_at, isWritten: true, open });
  }
  return { files: [...placed.values()], removed: [] };
}
