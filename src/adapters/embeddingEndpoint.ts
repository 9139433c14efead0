/** Embeddings at an endpoint that the caller names: `embedding_dependency` of type `endpoint` (components.md section 6.4). */
import { SourceError } from '../dataSources/ports';
import type { EmbeddingDependency } from '../wire/dataSources';
import { callService, paramOf, sourceFailure, type CalledService } from './dataSources/sourceCalls';
import { readEmbeddings } from './embeddingBatches';
import { malformed } from './openAiErrors';
import type { OutgoingGuard } from './outgoingGuard';

type EndpointDependency = Extract<EmbeddingDependency, { type: 'endpoint' }>;

/** A version that has `dimensions` and base64 of every model. */
const API_VERSION = '2024-10-21';

/** Asks the endpoints that callers name, through the guard. */
export function embeddingEndpoint(guard: OutgoingGuard): {
  /**
   * One vector per text, in order. Throws the signal's reason, or {@link SourceError}: `invalid` for an address that is not of the form
   * `https://RESOURCE/openai/deployments/DEPLOYMENT/embeddings` and for an answer without the vectors, and what {@link callService} throws.
   */
  embed(dependency: EndpointDependency, texts: string[], signal: AbortSignal): Promise<Float32Array[]>;
} {
  return {
    async embed({ endpoint, authentication, dimensions }, texts, signal) {
      const url = addressOf(endpoint);
      const isKey = authentication.type === 'api_key';
      const secret = isKey ? authentication.key : authentication.access_token;
      const service: CalledService = {
        name: `The embedding endpoint ${url.host}`,
        secrets: [secret],
        addressParam: 'embedding_dependency.endpoint',
        nameParam: 'embedding_dependency.endpoint',
        authenticationParam: 'embedding_dependency.authentication',
      };
      url.searchParams.set('api-version', API_VERSION);
      try {
        const { body } = await callService(guard, service, {
          url,
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...(isKey ? { 'api-key': secret } : { authorization: `Bearer ${secret}` }),
          },
          body: JSON.stringify({ input: texts, encoding_format: 'base64', dimensions }),
          signal,
        });
        const answer: unknown = JSON.parse(body.toString('utf8'));
        return readEmbeddings(answer, texts.length, () => malformed('it is an error'));
      } catch (error) {
        throw sourceFailure(error, service, signal);
      }
    },
  };
}

function addressOf(endpoint: string): URL {
  const url = new URL(endpoint);
  if (url.search || url.hash || !/\/openai\/deployments\/[^/]+\/embeddings\/?$/.test(url.pathname)) {
    throw new SourceError(
      'invalid',
      'The embedding endpoint must look like https://RESOURCE.openai.azure.com/openai/deployments/DEPLOYMENT/embeddings, without a query such as api-version.',
      paramOf('embedding_dependency.endpoint'),
    );
  }
  return url;
}
