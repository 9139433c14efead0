/** Images that messages name by file, read for models that see. */
import { imageReader } from '../agentLoop/imageFiles';
import type { AttachableFiles } from '../agentLoop/ports';
import type { Scope } from '../scope';
import type { MessageContent, MessageObject } from '../wire/threads';

/** The messages with the content of image files as `data:` URLs, as chat models take them; the newest images come first where there are too many. */
export async function withImageData(
  files: AttachableFiles,
  scope: Scope,
  messages: MessageObject[],
): Promise<MessageObject[]> {
  const image = imageReader(files, scope);
  const read = async (part: MessageContent): Promise<MessageContent> => {
    if (part.type !== 'image_file') return part;
    const { file_id: id, ...detail } = part.image_file;
    const found = await image(id);
    if ('note' in found) return { type: 'text', text: { value: found.note, annotations: [] } };
    return { type: 'image_url', image_url: { url: found.url, ...detail } };
  };
  const newestFirst: MessageObject[] = [];
  for (const message of messages.toReversed()) newestFirst.push(await readImages(message, read));
  return newestFirst.reverse();
}

/** Only users' images reach models: chat completions take none of assistants. */
async function readImages(
  message: MessageObject,
  read: (part: MessageContent) => Promise<MessageContent>,
): Promise<MessageObject> {
  if (message.role !== 'user' || !message.content.some(({ type }) => type === 'image_file')) return message;
  const content: MessageContent[] = [];
  for (const part of message.content) content.push(await read(part));
  return { ...message, content };
}
