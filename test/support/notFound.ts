import OpenAI from 'openai';

/** Expects of every call that it is answered as if its object were absent. */
export async function expectNotFound(...calls: (() => Promise<unknown>)[]): Promise<void> {
  for (const call of calls) await expect(call()).rejects.toBeInstanceOf(OpenAI.NotFoundError);
}
