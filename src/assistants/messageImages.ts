/** The images of messages as models that see take them. */
import { imageReader, imageRoom } from '../agentLoop/imageFiles';
import type { AttachableFiles } from '../agentLoop/ports';
import type { Scope } from '../scope';
import type { MessageContent, MessageObject } from '../wire/threads';

/**
 * Gives a message with its image files as `data:` URLs. What it gives together has room in one request: callers begin with the newest message, and where there are too many
 * images those of older ones are left out, which a line for the model says. An image that came as a `data:` URL counts as its URL does.
 */
export function imagesOf(files: AttachableFiles, scope: Scope): (message: MessageObject) => Promise<MessageObject> {
  const takes = imageRoom();
  const image = imageReader(files, scope, takes);
  const read = async (part: MessageContent): Promise<MessageContent> => {
    if (part.type === 'image_url') return isData(part) && !takes(part.image_url.url.length) ? noted(LEFT_OUT) : part;
    if (part.type !== 'image_file') return part;
    const { file_id: id, ...detail } = part.image_file;
    const found = await image(id);
    return 'note' in found ? noted(found.note) : { type: 'image_url', image_url: { url: found.url, ...detail } };
  };
  return async (message) => {
    // Only users' images reach models: chat completions take none of assistants.
    if (message.role !== 'user' || message.content.every(({ type }) => type === 'text')) return message;
    const content: MessageContent[] = [];
    for (const part of message.content) content.push(await read(part));
    return { ...message, content };
  };
}

const LEFT_OUT = '[An image is left out: there are too many.]';

const noted = (note: string): MessageContent => ({ type: 'text', text: { value: note, annotations: [] } });

const isData = ({ image_url }: Extract<MessageContent, { type: 'image_url' }>): boolean =>
  /^data:/i.test(image_url.url);
