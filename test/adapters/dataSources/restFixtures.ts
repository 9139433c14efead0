/** What the tests of the sources that speak JSON over HTTP share: the guard to a server of theirs, questions, and what refusals say. */
import { createOutgoingGuard, type OutgoingGuard } from '../../../src/adapters/outgoingGuard';
import { readAllowedHosts } from '../../../src/allowedHosts';
import type { DataSource } from '../../../src/dataSources/ports';
import { refusalOf } from '../../sources/outcome';
import type { RestServer } from '../../sources/restServer';
import { wordVector } from '../../support/wordVectors';

/** Of the library that the servers hold. */
export const mapping = {
  content_fields: ['content'],
  title_field: 'title',
  url_field: 'url',
  filepath_field: 'filepath',
  vector_fields: ['contentvector'],
};

/** Lets calls to the server through, which may take two seconds. */
export const guardOf = ({ url }: RestServer): OutgoingGuard =>
  createOutgoingGuard({ allowedHosts: readAllowedHosts(new URL(url).host), callTimeout: 2_000 });

/** As if nobody had asked the server yet. */
export function forgetRequests({ requests, faults }: RestServer): void {
  requests.length = 0;
  faults.length = 0;
}

const queryOf = ({ wantsVector }: DataSource, text: string, limit: number) => ({
  text,
  vector: wantsVector ? wordVector(text) : undefined,
  limit,
});

export const ask = async (source: DataSource, text: string, limit = 3) =>
  source.search(queryOf(source, text, limit), new AbortController().signal);

/** The call is refused by the service for that parameter; the message has the words, and not the wrong secret of the parameters. */
export async function expectRefusal(
  call: Promise<unknown>,
  [kind, param, ...words]: [kind: string, param: string | undefined, ...words: string[]],
): Promise<void> {
  const refusal = await refusalOf(call);
  expect(refusal).toMatchObject({ kind, param: param && `data_sources[0].parameters.${param}` });
  for (const word of words) expect(refusal.message).toContain(word);
  expect(refusal.message).not.toContain('wrong-secret');
}

/** A search of the source, whose server does not answer, ends with the reason of its signal. */
export async function expectToLeave(source: DataSource, server: RestServer): Promise<void> {
  server.faults.push('hang');
  const stop = new AbortController();
  const call = source.search(queryOf(source, 'milk', 1), stop.signal);
  const reason = new Error('the caller left');
  stop.abort(reason);
  await expect(call).rejects.toBe(reason);
}
