/** Random numbers that a printed seed brings back: `seededRandom(seed)()` is in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // xorshift32 on a state that is never zero
    state = state || 0x9e3779b9;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** The seed of this run: `SEED` of the environment, or a new one; printed with the test's name either way. */
export function printedSeed(test: string): number {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
  process.stderr.write(`${test}: SEED=${seed}\n`);
  return seed;
}
