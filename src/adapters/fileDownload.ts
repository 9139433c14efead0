/** Downloads files that callers name by their address: only of the open Internet, in bounded size and time. */
import { SourceError } from '../dataSources/ports';
import { DownloadError, type FileDownload } from '../tools/ports';
import { createOutgoingGuard, type OutgoingGuardOptions } from './outgoingGuard';

/** Bytes of a file; the documents of an input are no larger either. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_MILLISECONDS = 30_000;

export interface FileDownloadOptions extends Partial<Pick<OutgoingGuardOptions, 'allowedHosts' | 'resolve'>> {
  /** Bytes at most; default 32 MiB. */
  maxBytes?: number;
}

/** Nothing of this server's own goes with a request. */
export function fileDownload({
  allowedHosts = [],
  resolve,
  maxBytes = MAX_BYTES,
}: FileDownloadOptions = {}): FileDownload & {
  close(): Promise<void>;
} {
  const guard = createOutgoingGuard({ allowedHosts, resolve, maxAnswerBytes: maxBytes, callTimeout: MAX_MILLISECONDS });
  return {
    async get(url, signal) {
      try {
        const { status, headers, body } = await guard.send({ url: new URL(url), method: 'GET', headers: {}, signal });
        if (status !== 200) throw new DownloadError(`The address answered ${status}.`);
        return { bytes: body, contentType: headers['content-type'] };
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        throw new DownloadError(reasonOf(error), { cause: error });
      }
    },
    close: async () => guard.close(),
  };
}

/** In words that do not speak of data sources. */
const reasonOf = ({ kind, message }: SourceError): string =>
  kind === 'refused_address'
    ? 'The address is not of the open Internet, or redirects. Give the final public address, or upload the file.'
    : message;
