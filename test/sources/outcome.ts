/** What came of a call to a source, in a form that tests compare. */
import { SourceError } from '../../src/dataSources/ports';

/** The error's kind, parameter and message; fails the test for anything else. */
export async function refusalOf(promise: Promise<unknown>): Promise<{ kind: string; param?: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SourceError) return { kind: error.kind, param: error.param, message: error.message };
    throw error;
  }
  throw new Error('The source refused nothing.');
}
