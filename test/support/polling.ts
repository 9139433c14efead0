/** How often the SDK's poll helpers look, in tests. */
export const soon = { pollIntervalMs: 30 };

/** Looks until `look` finds something; throws with `what` after 20 seconds, or as many as are given. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, seconds = 20): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`Not within ${seconds} seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, soon.pollIntervalMs));
  }
}
