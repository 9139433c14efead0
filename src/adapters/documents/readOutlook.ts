/** Messages of Outlook (.msg): who wrote to whom, and the text. */
import { readFile } from 'node:fs/promises';
import { DocumentError } from '../../retrieval/ports';
import { parseMarkup } from './parseMarkup';
import { htmlHandlers } from './readHtml';
import type { SectionWriter } from './sectionWriter';

/** Reads the head, the text and the names of attachments; attachments are not opened. Throws `DocumentError` `invalid_file` for a damaged file. */
export async function readOutlook(path: string, output: SectionWriter): Promise<void> {
  const message = await readMessage(path);
  const people = (type: string): string =>
    (message.recipients ?? [])
      .filter(({ recipType, name, email }) => recipType === type && (name || email))
      .map(({ name, email }) => address(name, email))
      .join(', ');
  const head = {
    Subject: message.subject,
    From: address(message.senderName, message.senderSmtpAddress ?? message.senderEmail),
    To: people('to'),
    Cc: people('cc'),
    Date: message.messageDeliveryTime ?? message.clientSubmitTime,
    Attachments: (message.attachments ?? []).map(({ fileName, name }) => fileName ?? name ?? '').join(', '),
  };
  output.startSection({ heading: message.subject });
  for (const [name, value] of Object.entries(head)) if (value) output.write(`${name}: ${value}\n`);
  output.break(2);
  if (message.body) output.write(message.body);
  else if (message.bodyHtml) await parseMarkup([message.bodyHtml], htmlHandlers(output));
}

async function readMessage(path: string) {
  const { default: library } = await import('@kenjiuno/msgreader');
  const bytes = await readFile(path);
  try {
    const fields = new library.default(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)).getFileData();
    if (fields.error) throw new Error(fields.error);
    return fields;
  } catch (cause) {
    throw new DocumentError('invalid_file', 'The file is damaged: it is not a whole Outlook message.', { cause });
  }
}

/** `Ada <ada@example.com>`, or whichever is known. */
function address(name = '', email = ''): string {
  return name && email && name !== email ? `${name} <${email}>` : name || email;
}
