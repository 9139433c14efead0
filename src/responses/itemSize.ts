/** What items weigh, so that what is read of a conversation is bounded. Pure. */
import type { InputPart, OutputText, Refusal, ResponseItem } from '../wire/responseItems';

/** Of an item beside its texts, about. */
const ITEM_BYTES = 200;

/** About the bytes of the item; messages, of which there are most, are not written out for it. */
export function sizeOf(item: ResponseItem): number {
  if (item.type !== 'message') return JSON.stringify(item).length;
  const parts: (InputPart | OutputText | Refusal)[] = item.content;
  return parts.reduce((sum, part) => sum + partSize(part), ITEM_BYTES);
}

function partSize(part: InputPart | OutputText | Refusal): number {
  switch (part.type) {
    case 'input_image':
      return part.image_url?.length ?? 0;
    case 'input_file':
      return part.file_data?.length ?? 0;
    case 'refusal':
      return part.refusal.length;
    default:
      return part.text.length;
  }
}
