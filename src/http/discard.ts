/** What to do with a request's body that is not wanted any more. */

/**
 * Reads the rest of a body and lets go of it. Ending the request instead would cut the connection before the answer is out, and leaving the rest would
 * keep the connection's next request waiting behind it.
 */
export async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The caller has left, or the host has stopped forwarding: there is no rest.
  }
}
