/** Closes several things, one after the other. One that fails does not keep the others open. Throws an AggregateError of what failed. */
export async function closeAll(closings: (() => Promise<void>)[]): Promise<void> {
  const faults: unknown[] = [];
  for (const close of closings) await close().catch((fault: unknown) => faults.push(fault));
  if (faults.length > 0) throw new AggregateError(faults, 'Not everything could be closed.');
}
