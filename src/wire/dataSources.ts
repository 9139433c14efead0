/** Chat on your data: `data_sources` of chat completions (components.md section 6). Unknown parameters do not fail (oddity O30). */
import { z } from '@hono/zod-openapi';

const text = z.string().min(1);
/** An empty one counts as left out: programs send it for what their own settings leave out, and the service took it so. */
const textOrNone = z
  .string()
  .transform((given) => given || undefined)
  .optional();

// 6.3 Authentication

/** Fields of all types: one that is not of the given type would be a second credential, and which one is meant is not ours to say. */
const CREDENTIALS =
  'key key_id access_token managed_identity_resource_id connection_string encoded_api_key username password'.split(' ');

const alone = <Schema extends z.ZodObject>(schema: Schema): Schema =>
  schema.superRefine((given, context) => {
    for (const name of CREDENTIALS) {
      if (name in schema.shape || given[name] === undefined) continue;
      const message = `'${name}' is of another type of authentication than '${String(given.type)}'; give one of them alone`;
      context.addIssue({ code: 'custom', path: [name], message });
    }
  });

const apiKey = alone(z.looseObject({ type: z.literal('api_key'), key: text }));
const accessToken = alone(z.looseObject({ type: z.literal('access_token'), access_token: text }));
const systemIdentity = alone(z.looseObject({ type: z.literal('system_assigned_managed_identity') }));
const userIdentity = alone(
  z.looseObject({ type: z.literal('user_assigned_managed_identity'), managed_identity_resource_id: text }),
);
const connectionString = alone(z.looseObject({ type: z.literal('connection_string'), connection_string: text }));
const keyAndKeyId = alone(z.looseObject({ type: z.literal('key_and_key_id'), key: text, key_id: text }));
const encodedApiKey = alone(z.looseObject({ type: z.literal('encoded_api_key'), encoded_api_key: text }));
const usernameAndPassword = alone(
  z.looseObject({ type: z.literal('username_and_password'), username: text, password: text }),
);

// 6.4 Vectorization

const dimensions = z.int().min(1).max(16_384).optional();
const embeddingEndpoint = z.looseObject({
  type: z.literal('endpoint'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .regex(
      /^[^?#]+\/embeddings$/,
      'it must be of the form https://RESOURCE.openai.azure.com/openai/deployments/DEPLOYMENT/embeddings, without a query',
    ),
  authentication: z.discriminatedUnion('type', [apiKey, accessToken]),
  dimensions,
});
const embeddingDeployment = z.looseObject({ type: z.literal('deployment_name'), deployment_name: text, dimensions });
const integratedEmbedding = z.looseObject({ type: z.literal('integrated') });
const embeddingModelId = z.looseObject({ type: z.literal('model_id'), model_id: text });

// 6.2 Fields

const fieldNames = z.array(text).max(100);
/** An empty one counts as left out, as an empty text does. */
const fieldNamesOrNone = fieldNames.transform((given) => (given.length > 0 ? given : undefined)).optional();
const fields = {
  // The service's examples write a line end as the two characters too (operations.md 3.4).
  content_fields_separator: z
    .string()
    .overwrite((text) => text.replaceAll('\\n', '\n'))
    .optional(),
  title_field: textOrNone,
  url_field: textOrNone,
  filepath_field: textOrNone,
};

// 6.1 Parameters

const common = {
  in_scope: z.boolean().optional(),
  strictness: z.int().min(1).max(5).optional(),
  top_n_documents: z.int().min(1).max(100).optional(),
  max_search_queries: z.int().min(1).max(20).optional(),
  allow_partial_result: z.boolean().optional(),
  include_contexts: z.array(z.enum(['citations', 'intent', 'all_retrieved_documents'])).optional(),
  role_information: z.string().optional(),
};
const address = z.url({ protocol: /^https?$/ });

const azureSearch = z.looseObject({
  type: z.literal('azure_search'),
  parameters: z.looseObject({
    ...common,
    authentication: z.discriminatedUnion('type', [apiKey, accessToken, systemIdentity, userIdentity]),
    endpoint: address,
    index_name: text,
    query_type: z
      .enum(['simple', 'semantic', 'vector', 'vector_simple_hybrid', 'vector_semantic_hybrid'])
      .default('simple'),
    semantic_configuration: textOrNone,
    filter: textOrNone,
    fields_mapping: z
      .looseObject({
        ...fields,
        content_fields: fieldNamesOrNone,
        vector_fields: fieldNamesOrNone,
        image_vector_fields: fieldNamesOrNone,
      })
      .optional(),
    embedding_dependency: z
      .discriminatedUnion('type', [embeddingEndpoint, embeddingDeployment, integratedEmbedding])
      .optional(),
  }),
});

const vectorFields = z.looseObject({ ...fields, content_fields: fieldNames.min(1), vector_fields: fieldNames.min(1) });

const azureCosmosDb = z.looseObject({
  type: z.literal('azure_cosmos_db'),
  parameters: z.looseObject({
    ...common,
    authentication: z.discriminatedUnion('type', [connectionString]),
    database_name: text,
    container_name: text,
    index_name: text,
    fields_mapping: vectorFields,
    embedding_dependency: z.discriminatedUnion('type', [embeddingEndpoint, embeddingDeployment]),
  }),
});

const elasticsearch = z.looseObject({
  type: z.literal('elasticsearch'),
  parameters: z.looseObject({
    ...common,
    authentication: z.discriminatedUnion('type', [keyAndKeyId, encodedApiKey]),
    endpoint: address,
    index_name: text,
    query_type: z.enum(['simple', 'vector']).default('simple'),
    fields_mapping: z
      .looseObject({ ...fields, content_fields: fieldNamesOrNone, vector_fields: fieldNamesOrNone })
      .optional(),
    embedding_dependency: z
      .discriminatedUnion('type', [embeddingEndpoint, embeddingDeployment, embeddingModelId])
      .optional(),
  }),
});

const mongoDb = z.looseObject({
  type: z.literal('mongo_db'),
  parameters: z.looseObject({
    ...common,
    authentication: z.discriminatedUnion('type', [usernameAndPassword]),
    endpoint: text,
    database_name: text,
    collection_name: text,
    app_name: text,
    index_name: text,
    fields_mapping: vectorFields,
    embedding_dependency: z.discriminatedUnion('type', [embeddingEndpoint, embeddingDeployment]),
  }),
});

const pinecone = z.looseObject({
  type: z.literal('pinecone'),
  parameters: z.looseObject({
    ...common,
    authentication: z.discriminatedUnion('type', [apiKey]),
    environment: text,
    index_name: text,
    fields_mapping: z.looseObject({ ...fields, content_fields: fieldNames.min(1) }),
    embedding_dependency: z.discriminatedUnion('type', [embeddingDeployment]),
  }),
});

/** An extension: this package's own vector stores. */
const vectorStore = z.looseObject({
  type: z.literal('vector_store'),
  parameters: z.looseObject({ ...common, vector_store_ids: z.array(text).min(1).max(5) }),
});

/** Parameters that a request may set for a source that the server knows by name. */
export const commonParameterNames: readonly string[] = Object.keys(common);

/** `azureChatExtensionConfiguration`. */
export const dataSource = z.discriminatedUnion('type', [
  azureSearch,
  azureCosmosDb,
  elasticsearch,
  mongoDb,
  pinecone,
  vectorStore,
]);
/** The values of `type`. */
export const sourceTypes: readonly string[] = dataSource.options.map(({ shape }) => shape.type.value);
export type DataSourceConfiguration = z.infer<typeof dataSource>;
export type SourceType = DataSourceConfiguration['type'];
/** The configuration of one type of source. */
export type ConfigurationOf<Type extends SourceType> = Extract<DataSourceConfiguration, { type: Type }>;
export type ParametersOf<Type extends SourceType> = ConfigurationOf<Type>['parameters'];
/** What every source takes. */
export type CommonParameters = Pick<ParametersOf<'vector_store'>, keyof typeof common>;
/** Who makes the vectors of queries. */
export type EmbeddingDependency = NonNullable<
  ParametersOf<'azure_search'>['embedding_dependency'] | ParametersOf<'elasticsearch'>['embedding_dependency']
>;
