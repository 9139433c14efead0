/** Whether a file is an image, by its content. */

/** Bytes of the file's beginning that are enough to know. */
export const IMAGE_HEAD_BYTES = 1024;

// A comment ends with its first `-->`: were there several ways to read many of them, all would be tried where no picture follows.
const svg = /^\uFEFF?\s*(<\?xml[^>]*>\s*)?((<!--(?:(?!-->)[^])*-->|<!DOCTYPE[^>]*>)\s*)*<svg[\s>]/i;

/** Whether the beginning is that of a png, jpg, gif, webp or svg image. */
export function isImage(head: Buffer): boolean {
  const bytes = head.toString('latin1');
  return (
    bytes.startsWith('\x89PNG\r\n\x1a\n') ||
    bytes.startsWith('\xff\xd8\xff') ||
    /^GIF8[79]a/.test(bytes) ||
    /^RIFF[^]{4}WEBP/.test(bytes) ||
    svg.test(head.toString())
  );
}
