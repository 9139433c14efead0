/** Text from documents and servers as a terminal may show it. */

/** Without control characters, which could steer the terminal; line breaks and tabs stay. */
export function plainText(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '');
}

/** In one line. */
export function oneLine(text: string): string {
  return plainText(text.replace(/\s+/g, ' ')).trim();
}
