import { dataSource } from '../../src/wire/dataSources';

it.each([
  ['\\n', '\n'],
  ['\n', '\n'],
  [' | ', ' | '],
])('a separator of content fields %j is %j: examples write a line end in both ways', (given, read) => {
  const parsed = dataSource.parse({
    type: 'pinecone',
    parameters: {
      authentication: { type: 'api_key', key: 'k' },
      environment: 'e',
      index_name: 'i',
      fields_mapping: { content_fields: ['text'], content_fields_separator: given },
      embedding_dependency: { type: 'deployment_name', deployment_name: 'd' },
    },
  });
  expect(parsed).toMatchObject({ parameters: { fields_mapping: { content_fields_separator: read } } });
});
