/** Runs as a client begins and follows them, for measuring. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostUnderTest } from './hostUnderTest';

const POLL_MILLISECONDS = 10;

export const percentile = (values: number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;

/** An assistant, and a maker of threads with one message. */
export async function prepare(host: HostUnderTest) {
  const assistant = await host.call<{ id: string }>('POST', '/assistants', { model: 'gpt' });
  const thread = async () =>
    (await host.call<{ id: string }>('POST', '/threads', { messages: [{ role: 'user', content: 'Hello.' }] })).id;
  return { assistantId: assistant.id, thread };
}

/** Creates a run and polls it to its end; milliseconds. */
export async function polledRun(host: HostUnderTest, threadId: string, assistantId: string): Promise<number> {
  const started = performance.now();
  const run = await host.call<{ id: string }>('POST', `/threads/${threadId}/runs`, { assistant_id: assistantId });
  for (;;) {
    await sleep(POLL_MILLISECONDS);
    const { status } = await host.call<{ status: string }>('GET', `/threads/${threadId}/runs/${run.id}`);
    if (status === 'completed') return performance.now() - started;
    if (!['queued', 'in_progress'].includes(status)) throw new Error(`A run ended as ${status}.`);
  }
}

/** Streams a run to its end; milliseconds. */
export async function streamedRun(host: HostUnderTest, threadId: string, assistantId: string): Promise<number> {
  const started = performance.now();
  const text = await host.text(`/threads/${threadId}/runs`, { assistant_id: assistantId, stream: true });
  if (!text.includes('event: thread.run.completed'))
    throw new Error(`A streamed run did not complete: ${text.slice(-500)}`);
  return performance.now() - started;
}
