/** Vectors of chosen nearness. */

/** A direction, all as likely, of about length 1: each number is normally distributed. */
export function gaussianVector(random: () => number, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  const scale = 1 / Math.sqrt(dimensions);
  // Box and Muller's pairs.
  for (let at = 0; at < dimensions; at += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random())) * scale;
    const angle = 2 * Math.PI * random();
    vector[at] = radius * Math.cos(angle);
    if (at + 1 < dimensions) vector[at + 1] = radius * Math.sin(angle);
  }
  return vector;
}

/** The weighted sum of the vectors, of length 1. */
export function mixed(...parts: [vector: Float32Array, weight: number][]): Float32Array {
  const sum = new Float32Array(parts[0]?.[0].length ?? 0);
  for (const [vector, weight] of parts) vector.forEach((value, at) => (sum[at] = (sum[at] ?? 0) + value * weight));
  const length = Math.hypot(...sum) || 1;
  return sum.map((value) => value / length);
}
