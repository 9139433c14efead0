/**
 * Pinecone's control and data plane over the library, version 2026-07: pinecone-io/pinecone-api, 2026-07/db_control_2026-07.oas.yaml and
 * db_data_2026-07.oas.yaml.
 */
import { z } from 'zod';
import { indexedText, storedFields, wordCorpus, type Corpus, type SourceOptions } from './library';
import { Refusal, startRestServer, type RestAnswer, type RestRequest, type RestServer } from './restServer';
import { cosine, ranked } from './textScore';

export interface PineconeServer extends RestServer {
  indexName: string;
  environment: string;
  apiKey: string;
}

const KEY = 'key-of-pinecone-with-some-length';
/** Both planes are one server, so the index's name tells nothing of its data's address. */
const metrics: Record<string, string> = { library: 'cosine', 'library-euclidean': 'euclidean' };

const query = z.strictObject({
  namespace: z.string().optional(),
  topK: z.int().min(1).max(10_000),
  filter: z.object({}).optional(),
  includeValues: z.boolean().optional(),
  includeMetadata: z.boolean().optional(),
  vector: z.array(z.number()).optional(),
});

export async function startPinecone({ port, corpus = wordCorpus }: SourceOptions = {}): Promise<PineconeServer> {
  const server = await startRestServer((request, url) => answerTo(request, url, corpus), port);
  return { ...server, indexName: 'library', environment: 'us-east-1-aws', apiKey: KEY };
}

function answerTo(request: RestRequest, url: string, corpus: Corpus): RestAnswer {
  if (request.headers['api-key'] !== KEY) throw new Refusal({ status: 401, body: 'Invalid API Key' });
  if (request.headers['x-pinecone-api-version'] !== '2026-07') {
    throw new Refusal({
      status: 400,
      body: { error: { code: 'INVALID_ARGUMENT', message: 'Unknown API version.' }, status: 400 },
    });
  }
  const [, name] = /^\/indexes\/([^/]+)$/.exec(request.path) ?? [];
  if (request.method === 'GET' && name !== undefined) return describe(name, url, corpus.embed('').length);
  const [, index] = /^\/data\/([^/]+)\/query$/.exec(request.path) ?? [];
  if (request.method === 'POST' && index !== undefined)
    return nearest(request.body, metrics[index] ?? 'cosine', corpus);
  throw new Refusal({ status: 404, body: { code: 5, message: 'Not Found', details: [] } });
}

function describe(name: string, url: string, dimension: number): RestAnswer {
  const metric = metrics[name];
  if (metric === undefined) {
    const error = { code: 'NOT_FOUND', message: `Resource ${name} not found` };
    throw new Refusal({ status: 404, body: { error, status: 404 } });
  }
  return {
    status: 200,
    body: {
      name,
      host: `${url}/data/${name}`,
      status: { ready: true, state: 'Ready' },
      deployment: { deployment_type: 'managed', cloud: 'aws', region: 'us-east-1' },
      schema: { fields: { _values: { type: 'dense_vector', dimension, metric } } },
      deletion_protection: 'disabled',
    },
  };
}

function nearest(body: unknown, metric: string, { documents, embed }: Corpus): RestAnswer {
  const dimension = embed('').length;
  const parsed = query.safeParse(body);
  if (!parsed.success)
    throw new Refusal({ status: 400, body: { code: 3, message: parsed.error.message, details: [] } });
  const { vector = [], topK, includeMetadata } = parsed.data;
  if (vector.length !== dimension) {
    const message = `Query vector dimension ${vector.length} does not match the dimension of the index ${dimension}`;
    throw new Refusal({ status: 400, body: { code: 3, message, details: [] } });
  }
  const near = ranked(
    documents,
    documents.map((each) => cosine(vector, embed(indexedText(each)))),
  ).slice(0, topK);
  const matches = near.map(({ item, score }) => ({
    id: item.id,
    // Vectors of length 1: the squared distance follows from the cosine.
    score: metric === 'euclidean' ? 2 - 2 * score : score,
    ...(includeMetadata && { metadata: storedFields(item) }),
  }));
  return { status: 200, body: { matches, namespace: '', usage: { readUnits: 1 } } };
}
