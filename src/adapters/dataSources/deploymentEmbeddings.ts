/** The `deployment_name` vectorization: deployments behind the gateway, and the built-in embeddings. */
import type { EmbeddingDeployments } from '../../dataSources/ports';
import type { Gateway } from '../../models/gateway';
import { ModelError, type EmbeddingModel } from '../../models/ports';
import { openAiEmbeddings } from '../openAiEmbeddings';

/** Sources rank by themselves. */
const NO_TEXT = 0;

/** @param isBuiltIn Whether the built-in model serves the name. */
export function deploymentEmbeddings(
  gateway: Gateway,
  builtIn: EmbeddingModel,
  isBuiltIn: (deployment: string) => boolean,
): EmbeddingDeployments {
  return {
    async embed({ deployment_name: name, dimensions }, texts, { tenant }, signal) {
      if (isBuiltIn(name)) return cut(await builtIn.embed(texts, 'query', signal), dimensions);
      return openAiEmbeddings(gateway, name, name, NO_TEXT, undefined, dimensions).embed(
        texts,
        'query',
        signal,
        tenant,
      );
    },
  };
}

/** Of each vector its beginning, brought back to length 1. Throws ModelError where it is shorter. */
function cut(vectors: Float32Array[], dimensions: number | undefined): Float32Array[] {
  if (dimensions === undefined) return vectors;
  return vectors.map((vector) => {
    if (dimensions > vector.length) {
      const message = `'dimensions' of the built-in embeddings are at most ${vector.length}, not ${dimensions}.`;
      throw new ModelError('invalid_request', message, { param: 'data_sources[0].parameters.embedding_dependency' });
    }
    const beginning = vector.subarray(0, dimensions);
    const size = Math.hypot(...beginning);
    return size > 0 ? beginning.map((value) => value / size) : beginning;
  });
}
