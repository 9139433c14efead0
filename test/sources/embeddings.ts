/** An Azure OpenAI deployment of embeddings: learn.microsoft.com/azure/ai-services/openai/reference, operation "Embeddings - Create". */
import { z } from 'zod';
import { embeddingsBody } from '../support/wordVectors';
import { Refusal, startRestServer, type RestServer } from './restServer';

export interface EmbeddingServer extends RestServer {
  /** As `embedding_dependency` names it. */
  endpoint: string;
  key: string;
  token: string;
}

const KEY = 'key-of-the-embedding-resource';
const TOKEN = 'token-for-the-embedding-resource';
const PATH = '/openai/deployments/words/embeddings';

const body = z.strictObject({
  input: z.union([z.string(), z.array(z.string())]),
  encoding_format: z.enum(['float', 'base64']).optional(),
  dimensions: z.int().optional(),
});

export async function startEmbeddings(port?: number): Promise<EmbeddingServer> {
  const server = await startRestServer(({ headers, query, path, body: given }) => {
    if (headers['api-key'] !== KEY && headers.authorization !== `Bearer ${TOKEN}`) {
      const message = 'Access denied due to invalid subscription key or wrong API endpoint.';
      throw new Refusal({ status: 401, body: { error: { code: '401', message } } });
    }
    if (!query.has('api-version') || path !== PATH) {
      throw new Refusal({ status: 404, body: { error: { code: '404', message: 'Resource not found' } } });
    }
    const parsed = body.safeParse(given);
    if (!parsed.success || parsed.data.dimensions !== undefined) {
      const message = 'This model does not support specifying dimensions.';
      throw new Refusal({ status: 400, body: { error: { code: null, message } } });
    }
    return { status: 200, body: JSON.parse(embeddingsBody(parsed.data)) };
  }, port);
  return { ...server, endpoint: server.url + PATH, key: KEY, token: TOKEN };
}
