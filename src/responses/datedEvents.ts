/** Events about code as Azure's versions by date have them (components.md section 12). */
import type { ResponseEvent } from './responseEvents';

const MEDIA_TYPES: Record<string, string> = {
  csv: 'text/csv',
  gif: 'image/gif',
  html: 'text/html',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  webp: 'image/webp',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  zip: 'application/zip',
};

/** They carry the call and the response's id; `code` is a part of the name of its own. */
export function datedCodeEvent(
  { execution: { call, files }, ...event }: ResponseEvent & Required<Pick<ResponseEvent, 'execution'>>,
  responseId: string,
): ResponseEvent {
  const type = event.type.replace('_call_code.', '_call.code.');
  const named = { ...event, type, response_id: responseId };
  if (type !== event.type) return named;
  const logs = (call.outputs ?? []).flatMap((output) => (output.type === 'logs' ? [output] : []));
  const written = files.map(({ fileId, path }) => ({ file_id: fileId, mime_type: mediaTypeOf(path) }));
  const { id, status, code } = call;
  const state = type.split('.').at(-1);
  return {
    ...named,
    code_interpreter_call: {
      id,
      type: call.type,
      status: state === 'interpreting' ? state : status,
      code: code ?? '',
      results: [...logs, ...(written.length > 0 ? [{ type: 'files', files: written }] : [])],
    },
  };
}

const mediaTypeOf = (path: string): string =>
  MEDIA_TYPES[path.slice(path.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream';
