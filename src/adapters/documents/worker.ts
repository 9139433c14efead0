/** The thread that reads documents: a file in, its sections or what is wrong with it out, one at a time. */
import { parentPort } from 'node:worker_threads';
import { DocumentError, type DocumentSection } from '../../retrieval/ports';
import { readDocument, type DocumentFile } from './readDocument';

/** What the thread answers. An error's class does not survive the way between threads, so its fields go. */
export type DocumentAnswer =
  { sections: DocumentSection[] } | { failure: { code: DocumentError['code']; message: string; cause?: string } };

parentPort?.on('message', (file: DocumentFile) => {
  void answer(file).then((message) => parentPort?.postMessage(message));
});

async function answer(file: DocumentFile): Promise<DocumentAnswer> {
  try {
    return { sections: await readDocument(file) };
  } catch (error) {
    if (error instanceof DocumentError) {
      return {
        failure: {
          code: error.code,
          message: error.message,
          cause: error.cause === undefined ? undefined : String(error.cause),
        },
      };
    }
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return {
      failure: { code: 'server_error', message: 'The file could not be read because of an internal error.', cause },
    };
  }
}
