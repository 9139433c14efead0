/** The custom connector's files: made anew from the declarations, and what custom connectors take. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { connectorFiles, DEFAULTS } from '../../src/connector/connectorFiles';
import { DeclaredSchema } from '../../src/connector/declaredSchema';
import { schemaOf } from '../../src/connector/fields';
import { families } from '../../src/functions/families';
import { faultsOf, objectOf } from '../support/swagger2';

const folder = join(__dirname, '..', '..', 'infra', 'connector');
const served = families.flatMap(({ operations }) => operations);
const files = connectorFiles(served, DEFAULTS);
const document = (): Record<string, unknown> => objectOf(JSON.parse(files['apiDefinition.swagger.json'] ?? ''));

it.each(Object.keys(files))('infra/connector/%s is what npm run connector writes', (name) => {
  expect(readFileSync(join(folder, name), 'utf8')).toBe(files[name]);
});

it('the definition is Swagger 2.0 as custom connectors take it', () => {
  expect(faultsOf(document())).toEqual([]);
});

it('faults of a definition are found', () => {
  const broken = document();
  const paths = objectOf(broken.paths);
  const run = objectOf(objectOf(paths['/threads/{ThreadId}/runs/{RunId}']).post);
  run.parameters = [{ name: 'x', in: 'query', type: 'string', anyOf: [] }];
  run.operationId = 'CreateThread';
  objectOf(broken.definitions).getRunResponse = { anyOf: [], type: 'array', 'x-ms-visibility': 'seen' };
  delete objectOf(broken.definitions).createRunResponse;
  expect(faultsOf(broken)).toEqual([
    'post /threads/{ThreadId}/runs/{RunId}: parameters of the path',
    'post /threads/{ThreadId}/runs/{RunId} x: anyOf is unknown',
    'post /threads/{ThreadId}/runs/{RunId} x: has no summary',
    'post /threads: operationId twice',
    'post /threads/{ThreadId}/runs 200: #/definitions/createRunResponse is not there',
    'getRunResponse: anyOf is unknown',
    'getRunResponse: an array without items',
    'getRunResponse: wrong visibility',
  ]);
});

it('has the actions of the Foundry connector, at its paths, and those of this package', () => {
  const actions = Object.entries(objectOf(document().paths)).flatMap(([path, verbs]) =>
    Object.entries(objectOf(verbs)).map(([verb, action]) => [objectOf(action).operationId, `${verb} ${path}`]),
  );
  expect(Object.fromEntries(actions)).toEqual({
    GetRun: 'post /threads/{ThreadId}/runs/{RunId}',
    SendActivity: 'post /agents/{AgentId}/endpoint/protocols/activityprotocol',
    SendActivityApplication: 'post /applications/{MyApplication}/protocols/activityprotocol',
    CreateThread: 'post /threads',
    CreateRun: 'post /threads/{ThreadId}/runs',
    InvokeAgent: 'post /openai/responses',
    ListAgents: 'get /assistants',
    ListMessages: 'get /threads/{ThreadId}/messages',
    ListAgentsFromService: 'get /agents',
    Ask: 'post /agents/{agent_name}/ask',
    GetAnswer: 'get /agents/{agent_name}/ask/{response_id}',
  });
});

it('connections are made by a key or by signing in, each with the endpoint of its project', () => {
  const { properties } = JSON.parse(files['apiProperties.json'] ?? '');
  const sets: { name: string; parameters: Record<string, { type: string }> }[] =
    properties.connectionParameterSets.values;
  expect(sets.map(({ name, parameters }) => [name, Object.keys(parameters), parameters.endpoint?.type])).toEqual([
    ['apiKeyAuth', ['api_key', 'endpoint'], 'string'],
    ['entraIDUserLogin', ['token', 'endpoint'], 'string'],
  ]);
  // The key's parameter goes by the name of its definition.
  expect(objectOf(document().securityDefinitions)).toHaveProperty('api_key', {
    type: 'apiKey',
    in: 'header',
    name: 'api-key',
  });
});

describe('A field', () => {
  const declared = new DeclaredSchema(
    z.object({
      list: z.array(z.union([z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b'), n: z.int() })])),
      either: z.union([z.string().max(5), z.array(z.string())]).nullish(),
      count: z.number().min(1).max(3).nullable(),
    }),
    'input',
  );

  it('is what its declaration says, without null and with the type that is asked for', () => {
    expect(declared.field('count')).toEqual({ type: 'number', minimum: 1, maximum: 3 });
    expect(declared.field('either', 'string')).toEqual({ type: 'string', maxLength: 5 });
    expect(declared.field('either', 'array')).toEqual({ type: 'array' });
    expect(declared.field('either', 'any')).toEqual({});
    expect(declared.field('list[].kind')).toEqual({ type: 'string', enum: ['a', 'b'] });
    expect(declared.field('list[].n')).toEqual({ type: 'integer' });
  });

  it.each(['none', 'list.kind', 'list[].none', 'count[]'])('that is not declared is told: %s', (path) => {
    expect(() => declared.field(path)).toThrow(`The declaration has no field '${path}'`);
  });

  it('of a type that it never has is told', () => {
    expect(() => declared.field('count', 'string')).toThrow("no 'count' of the type string");
  });

  it('lies where its path says, in objects and lists around it', () => {
    const fields = [
      { path: 'list[].kind', title: 'Kind', description: 'A kind.', required: true },
      { path: 'list[].n', title: 'N', description: 'A number.' },
    ];
    expect(schemaOf(fields, declared)).toMatchObject({
      type: 'object',
      properties: {
        list: {
          type: 'array',
          items: { required: ['kind'], properties: { kind: { 'x-ms-summary': 'Kind' }, n: { type: 'integer' } } },
        },
      },
    });
  });
});
