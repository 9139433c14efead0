/**
 * Shapes of requests to Azure AI Search, version 2026-04-01, as published (Azure/azure-rest-api-specs, specification/search) with the rules that
 * learn.microsoft.com/azure/search tells beside them; unknown members are refused.
 */
import { z } from 'zod';

const name = z.string().regex(/^[A-Za-z]\w{0,127}$/);

export const fieldShape = z.strictObject({
  name,
  type: z.enum(['Edm.String', 'Edm.Int32', 'Edm.Int64', 'Edm.Double', 'Edm.Boolean', 'Collection(Edm.Single)']),
  key: z.boolean().optional(),
  retrievable: z.boolean().optional(),
  stored: z.boolean().optional(),
  searchable: z.boolean(),
  filterable: z.boolean(),
  sortable: z.boolean(),
  facetable: z.boolean(),
  analyzer: z.string().optional(),
  dimensions: z.int().min(2).max(4096).optional(),
  vectorSearchProfile: z.string().optional(),
});
export type FieldShape = z.output<typeof fieldShape>;

const analyzerShape = z.strictObject({
  '@odata.type': z.literal('#Microsoft.Azure.Search.CustomAnalyzer'),
  name: z.string(),
  tokenizer: z.enum(['standard_v2', 'whitespace', 'keyword_v2', 'letter', 'lowercase']),
  tokenFilters: z.array(
    z.enum(['cjk_width', 'lowercase', 'cjk_bigram', 'asciifolding', 'stopwords', 'porter_stem', 'kstem', 'trim']),
  ),
});

export const indexShape = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9](?:-?[a-z0-9]){1,127}$/),
    fields: z.array(fieldShape).min(1).max(1000),
    analyzers: z.array(analyzerShape).optional(),
    similarity: z.strictObject({ '@odata.type': z.literal('#Microsoft.Azure.Search.BM25Similarity') }).optional(),
    vectorSearch: z.strictObject({
      algorithms: z.array(
        z.strictObject({
          name: z.string(),
          kind: z.literal('hnsw'),
          hnswParameters: z.strictObject({ metric: z.literal('cosine') }),
        }),
      ),
      profiles: z.array(z.strictObject({ name: z.string(), algorithm: z.string() })),
    }),
    semantic: z
      .strictObject({
        configurations: z.array(
          z.strictObject({
            name: z.string(),
            prioritizedFields: z.strictObject({
              prioritizedContentFields: z.array(z.strictObject({ fieldName: z.string() })),
            }),
          }),
        ),
      })
      .optional(),
  })
  .superRefine(({ fields, analyzers = [], vectorSearch, semantic }, context) => {
    const wrong = (message: string): void => context.addIssue({ code: 'custom', message });
    if (fields.filter(({ key, type }) => key && type === 'Edm.String').length !== 1)
      wrong('One string field is the key.');
    for (const field of fields) {
      const isVector = field.type === 'Collection(Edm.Single)';
      if (isVector) {
        const profile = vectorSearch.profiles.find((each) => each.name === field.vectorSearchProfile);
        const algorithm = vectorSearch.algorithms.find((each) => each.name === profile?.algorithm);
        if (!algorithm || !field.dimensions || !field.searchable) wrong(`'${field.name}' is no vector field.`);
        if (field.filterable || field.sortable || field.facetable) wrong(`'${field.name}' cannot be filtered by.`);
      } else if (field.searchable && field.type !== 'Edm.String') wrong(`'${field.name}' cannot be searched.`);
      if (field.stored === false && (!isVector || field.retrievable !== false))
        wrong(`'${field.name}' must not be retrievable.`);
      if (field.analyzer !== undefined && !(field.searchable && analyzers.some((each) => each.name === field.analyzer)))
        wrong(`'${field.name}' has an unknown analyzer.`);
    }
    for (const { prioritizedFields } of semantic?.configurations ?? []) {
      for (const { fieldName } of prioritizedFields.prioritizedContentFields) {
        if (!fields.some((field) => field.name === fieldName && field.searchable))
          wrong(`'${fieldName}' is not searchable.`);
      }
    }
  });
export type IndexShape = z.output<typeof indexShape>;

export const batchShape = z.strictObject({
  value: z.array(z.looseObject({ '@search.action': z.enum(['upload', 'merge', 'mergeOrUpload', 'delete']) })).min(1),
});

export const searchShape = z.strictObject({
  search: z.string().optional(),
  count: z.boolean().optional(),
  filter: z.string().optional(),
  orderby: z.string().optional(),
  queryType: z.enum(['simple', 'semantic']).default('simple'),
  searchMode: z.enum(['any', 'all']).default('any'),
  searchFields: z.string().optional(),
  semanticConfiguration: z.string().optional(),
  semanticErrorHandling: z.enum(['partial', 'fail']).optional(),
  select: z.string().optional(),
  skip: z.int().min(0).max(100_000).default(0),
  top: z.int().min(0).max(1_000).default(50),
  vectorFilterMode: z.enum(['preFilter', 'postFilter']).optional(),
  vectorQueries: z
    .array(
      z.strictObject({
        kind: z.literal('vector'),
        vector: z.array(z.number()),
        fields: z.string(),
        k: z.int().min(1).max(10_000),
        exhaustive: z.boolean().optional(),
      }),
    )
    .max(10)
    .optional(),
});
export type SearchShape = z.output<typeof searchShape>;
