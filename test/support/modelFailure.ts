import { ModelError } from '../../src/models/ports';

/** The model error that the promise rejects with; throws if it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<ModelError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
  throw new Error('It did not fail.');
}

/** The body of an error answer as OpenAI's services send it. */
export const errorBody = (message: string, code: string | null = null, more: object = {}) => ({
  error: { message, type: 'scripted', param: null, code, ...more },
});
