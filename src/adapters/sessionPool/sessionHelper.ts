/** The Python that looks after a session's files between the calls. It keeps what it knows in the session itself, where every instance of this app finds it. */
import { z } from 'zod';

/** The code's working directory, and where the service puts uploads. */
export const DATA_FOLDER = '/mnt/data';

/** What the helper is asked; file names are those in the data folder. */
export type HelperRequest =
  | {
      /** Before code runs: files are put in their places, and what is there is remembered. */
      do: 'begin';
      files: { key: string; name: string; onlyAtStart: boolean }[];
      /** Files to take away, each once: `done` is the key of the removal. */
      taken: { done: string; name: string }[];
      /** Uploads that wait to be put in their places. */
      uploads: { key: string; upload: string }[];
    }
  | { do: 'end' }
  /** Gives a file a name that the service takes. */
  | { do: 'stage'; path: string; as: string }
  | { do: 'unstage' };

export const beginAnswer = z.object({
  /** No code has run in the session yet. */
  fresh: z.boolean(),
  /** Keys of the files that are not there. */
  missing: z.array(z.string()),
});

export const endAnswer = z.object({
  written: z.array(z.object({ path: z.string().startsWith(`${DATA_FOLDER}/`), bytes: z.int().min(0) })),
  more: z.boolean(),
});

export const doneAnswer = z.object({ done: z.literal(true) });

/** Names of files that are on their way in or out, which the code does not see. */
export const transferName = (kind: 'upload' | 'download', token: string, number: number): string =>
  `${kind}-${token}-${number}`;

/** Files that are looked at; a folder with more is told of in part. */
const MAX_FILES = 1000;
/** Most characters of their paths, so that the answer fits into the output of one call. */
const MAX_PATH_CHARACTERS = 40_000;

const helper = `
import json, os, re, shutil, stat, sys, types
request = json.loads(REQUEST)
data = '${DATA_FOLDER}'
state = sys.modules.get('session_helper_state')
fresh = state is None
if fresh:
    state = sys.modules['session_helper_state'] = types.ModuleType('session_helper_state')
    state.placed, state.before, state.used, state.stdout = set(), {}, False, sys.stdout
os.makedirs(data, exist_ok=True)


def clear(kept=()):
    for name in os.listdir(data):
        if re.fullmatch('(upload|download)-[0-9a-f]{16}-[0-9]+', name) and name not in kept:
            os.remove(os.path.join(data, name))


def states():
    files, folders, characters = {}, [data], 0
    while folders:
        folder = folders.pop(0)
        for name in os.listdir(folder):
            path = folder + '/' + name
            try:
                found = os.lstat(path)
            except OSError:
                continue
            characters += len(path)
            if len(files) + len(folders) >= ${MAX_FILES} or characters > ${MAX_PATH_CHARACTERS}:
                return files, True
            if stat.S_ISDIR(found.st_mode):
                folders.append(path)
            elif stat.S_ISREG(found.st_mode):
                files[path] = [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    return files, False


if request['do'] == 'begin':
    for taken in request['taken']:
        if taken['done'] in state.placed:
            continue
        path = os.path.join(data, taken['name'])
        if os.path.lexists(path) and not os.path.isdir(path):
            os.remove(path)
        state.placed = {key for key in state.placed if not (key[0] == '[' and json.loads(key)[1] == taken['name'])}
        state.placed.add(taken['done'])
    names = {file['key']: file['name'] for file in request['files']}
    late = {file['key'] for file in request['files'] if state.used and file['onlyAtStart']}
    for upload in request['uploads']:
        target = os.path.join(data, names[upload['key']])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(os.path.join(data, upload['upload']), target)
        state.placed.add(upload['key'])
    clear()
    missing = [key for key in names if key not in state.placed and key not in late]
    answer = {'fresh': not state.used, 'missing': missing}
    if not missing:
        if not state.used:
            os.chdir(data)
            if data not in sys.path:
                sys.path.append(data)
        state.used = True
        state.before = states()[0]
elif request['do'] == 'end':
    clear()
    files, more = states()
    written = [{'path': path, 'bytes': files[path][1]} for path in sorted(files) if state.before.get(path) != files[path]]
    # A name that is no text cannot be told.
    written = [file for file in written if file['path'].isprintable()]
    answer = {'written': written, 'more': more}
elif request['do'] == 'stage':
    target = os.path.join(data, request['as'])
    try:
        os.link(request['path'], target)
    except (OSError, AttributeError):
        # Not every file system has links.
        shutil.copyfile(request['path'], target)
    answer = {'done': True}
else:
    clear()
    answer = {'done': True}
# Where the service reads, whatever code has done to the stream's name.
state.stdout.write('\\n' + MARK + json.dumps(answer, ensure_ascii=False) + '\\n')
state.stdout.flush()
`;

/** Code that answers the request in a line of its output that begins with the mark; it leaves the code's own names alone. */
export function helperCode(request: HelperRequest, mark: string): string {
  const source = `REQUEST = ${JSON.stringify(JSON.stringify(request))}\nMARK = ${JSON.stringify(mark)}\n${helper}`;
  return `exec(__import__('base64').b64decode('${Buffer.from(source).toString('base64')}').decode(), {})`;
}

/** What the helper has answered. Throws where the output holds no answer: code has damaged the session. `errors`: what it printed beside, for the log. */
export function helperAnswer<T>(output: string, errors: string, mark: string, schema: z.ZodType<T>): T {
  const line = output.split('\n').find((each) => each.startsWith(mark));
  try {
    return schema.parse(JSON.parse(line?.slice(mark.length) ?? ''));
  } catch (cause) {
    throw new SessionDamagedError(errors.slice(-500), { cause });
  }
}

/** The session does not answer as it should. */
export class SessionDamagedError extends Error {
  constructor(
    readonly details: string,
    options?: { cause?: unknown },
  ) {
    super('The session does not answer any more', options);
    this.name = 'SessionDamagedError';
  }
}
