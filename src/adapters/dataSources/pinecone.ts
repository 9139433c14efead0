/** Pinecone as a source: nearest neighbours in an index, whose host its control plane tells. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Pinecone } from '@pinecone-database/pinecone';
import { SourceError, type DataSource } from '../../dataSources/ports';
import type { ConfigurationOf } from '../../wire/dataSources';
import type { OutgoingGuard } from '../outgoingGuard';
import { documentsOf, mappedFields, similarityOf } from './documentFields';
import { hashedKey, KeptAnswers, RecentlyUsed } from '../recentlyUsed';
import { fetchFrom, paramOf, sourceFailure, type CalledService } from './sourceCalls';

/** Clients that are kept, one an API key. */
const MAX_CLIENTS = 200;
const MAX_INDEXES_EACH = 20;
const INDEX_LIFE_MS = 5 * 60_000;

type IndexModel = Awaited<ReturnType<Pinecone['describeIndex']>>;

interface Opened {
  service: CalledService;
  client: Pinecone;
  indexes: KeptAnswers<IndexModel>;
}

/** The dense vectors of an index. */
interface DenseVectors {
  dimension: number;
  metric: string;
}

export interface PineconeOptions {
  guard: OutgoingGuard;
  /** Address of the control plane; default: Pinecone's own. */
  controllerHost?: string;
  /** Unix milliseconds. */
  now?: () => number;
}

/**
 * Opens indexes of Pinecone. The opener asks the control plane for the index, and throws {@link SourceError}: `invalid` for an index that lies
 * in another environment or has no dense vectors, and what the service answers.
 */
export function pinecone(
  options: PineconeOptions,
): (configuration: ConfigurationOf<'pinecone'>) => Promise<DataSource> {
  const opened = new RecentlyUsed<Opened>(MAX_CLIENTS);
  return async ({ parameters }) => {
    const { index_name: name, environment, authentication, fields_mapping: mapping } = parameters;
    const { service, client, indexes } = opened.get(hashedKey(authentication), () => open(options, authentication.key));
    let index: IndexModel;
    try {
      index = await indexes.get(name, () => client.describeIndex(name));
    } catch (error) {
      throw sourceFailure(error, service);
    }
    checkEnvironment(index, environment);
    const dense = denseVectorsOf(index);
    const fields = mappedFields(mapping, mapping.content_fields);
    return {
      wantsVector: true,
      scale: 'similarity',
      async search({ vector = new Float32Array(), limit }, signal) {
        if (vector.length !== dense.dimension) {
          const message = `the index ${name} has vectors of ${dense.dimension} dimensions, and the query's has ${vector.length}; use the model that filled it.`;
          throw invalid('embedding_dependency', message);
        }
        try {
          const query = { vector: Array.from(vector), topK: limit, includeMetadata: true };
          const { matches } = await signals.run(signal, () => client.index({ name, host: index.host }).query(query));
          const records = matches.map(({ metadata, score = 0 }) => ({
            fields: metadata,
            // The euclidean score is the squared distance.
            score: similarityOf(score, dense.metric === 'euclidean'),
            originalScore: score,
          }));
          return documentsOf(service.name, records, fields);
        } catch (error) {
          throw sourceFailure(error, service, signal);
        }
      },
    };
  };
}

/** The library takes no signal: its calls find that of the search that they are made for. */
const signals = new AsyncLocalStorage<AbortSignal>();

function open({ guard, controllerHost, now = Date.now }: PineconeOptions, apiKey: string): Opened {
  const service: CalledService = { name: 'Pinecone', secrets: [apiKey], addressParam: 'environment' };
  const client = new Pinecone({
    apiKey,
    controllerHostUrl: controllerHost,
    fetchApi: fetchFrom(guard, service, () => signals.getStore()),
    // The caller is told at once, and decides itself.
    maxRetries: 0,
  });
  return { service, client, indexes: new KeptAnswers({ most: MAX_INDEXES_EACH, milliseconds: INDEX_LIFE_MS, now }) };
}

const invalid = (name: string, message: string): SourceError =>
  new SourceError('invalid', `Pinecone: ${message}`, paramOf(name));

/** The environment is that of the index's host, or the region that the console shows for it. */
function checkEnvironment({ name, host, deployment }: IndexModel, environment: string): void {
  const known = new Set<string>();
  const [, ofHost] = /\.svc\.([^/:]+?)\.pinecone\.io/.exec(host) ?? [];
  if (ofHost) known.add(ofHost);
  if (deployment.environment) known.add(deployment.environment);
  if (deployment.deploymentType === 'managed') {
    const { cloud, region } = deployment;
    for (const each of [region, `${region}-${cloud}`, `${cloud}-${region}`]) known.add(each);
  }
  if (!known.has(environment)) {
    throw invalid(
      'environment',
      `the index ${name} is not in the environment ${environment} but in ${[...known].join(', ')}.`,
    );
  }
}

function denseVectorsOf({ name, schema }: IndexModel): DenseVectors {
  for (const field of Object.values(schema.fields)) {
    if ('type' in field && field.type === 'dense_vector') return { dimension: field.dimension, metric: field.metric };
  }
  throw invalid('index_name', `the index ${name} has no dense vectors.`);
}
