/** Finds a model server that already runs on this machine. */
import { z } from 'zod';
import { readJson } from './answerBody';

export interface LocalModelServer {
  name: string;
  /** The base below which `/chat/completions` lies. */
  baseUrl: string;
  models: string[];
}

/** Who listens on which port, unless told otherwise. */
const usualPorts: Record<string, string> = { '11434': 'Ollama', '1234': 'LM Studio' };

const MAX_LIST_BYTES = 4 * 1024 * 1024;

const modelList = z.object({ data: z.array(z.object({ id: z.string() })).nullable() });

/**
 * The first of the servers that lists models, looked for all at once; undefined if none does in time. A server without a single model counts as
 * none: it could answer nothing.
 *
 * @param addresses Bases below which `/chat/completions` lies.
 * @param timeoutMs A server on the same machine answers within milliseconds.
 */
export async function findModelServer(
  addresses: readonly string[],
  timeoutMs = 700,
): Promise<LocalModelServer | undefined> {
  const looked = await Promise.all(
    addresses.map(async (baseUrl) => ({
      name: usualPorts[new URL(baseUrl).port] ?? 'A model server',
      baseUrl,
      models: await modelsOf(baseUrl, timeoutMs),
    })),
  );
  return looked.find(({ models }) => models.length > 0);
}

async function modelsOf(baseUrl: string, timeoutMs: number): Promise<string[]> {
  try {
    const answer = await fetch(`${baseUrl}/models`, { signal: AbortSignal.timeout(timeoutMs) });
    if (!answer.ok || !answer.body) return [];
    return (modelList.parse(await readJson(answer.body, MAX_LIST_BYTES)).data ?? []).map(({ id }) => id);
  } catch {
    // Nothing listens there, or something else does.
    return [];
  }
}
