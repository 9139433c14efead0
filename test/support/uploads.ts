/** Many small files. */
import type OpenAI from 'openai';

/** Calls at once. */
const AT_ONCE = 20;

/** Uploads each text as a file of its own, named by its place; answers the ids in the order of the texts. */
export async function uploadTexts({ files }: OpenAI, texts: string[]): Promise<string[]> {
  const ids: string[] = [];
  for (let start = 0; start < texts.length; start += AT_ONCE) {
    const some = texts
      .slice(start, start + AT_ONCE)
      .map(async (text, place) =>
        files.create({ file: new File([text], `${start + place}.txt`), purpose: 'assistants' }),
      );
    for (const { id } of await Promise.all(some)) ids.push(id);
  }
  return ids;
}
