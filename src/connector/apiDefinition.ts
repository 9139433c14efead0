/** The definition of the custom connector: Swagger 2.0, which is all that custom connectors take. Made from the declared operations. Pure. */
import { z } from 'zod';
import packageJson from '../../package.json';
import type { Operation } from '../http/operation';
import { actions, type Action, type Parameter } from './actions';
import { DeclaredSchema, type SwaggerSchema } from './declaredSchema';
import { schemaOf } from './fields';

export interface ConnectorOptions {
  /** Where the functions are served, without scheme; connections replace it by their own. */
  host: string;
}

/** @param served The operations that there are. Throws where an action names an operation or a field that is not declared. */
export function apiDefinition(served: readonly Operation[], { host }: ConnectorOptions) {
  const definitions: Record<string, SwaggerSchema> = {};
  const paths: Record<string, Record<string, object>> = {};
  for (const action of actions) {
    const operation = declaredOf(action, served);
    const { response } = operation;
    if (response === 'raw') throw new Error(`${action.declared} declares no answer.`);
    const { name, fields } = action.returns;
    definitions[name] = schemaOf(fields, new DeclaredSchema(response, 'output'));
    const path = pathOf(action, operation);
    (paths[path] ??= {})[operation.method] = actionOf(action, operation);
  }
  return {
    swagger: '2.0',
    info: {
      title: 'Agents of azure-openai-functions',
      description:
        'Talks to agents that run as Azure Functions: ask one, invoke one, or have one work on a thread. The actions of the Azure AI Foundry Agent Service connector are among them.',
      version: packageJson.version,
    },
    host,
    // A connection's endpoint holds the path up to the project.
    basePath: '/',
    schemes: ['https'],
    consumes: ['application/json'],
    produces: ['application/json'],
    paths,
    definitions,
    securityDefinitions: {
      api_key: { type: 'apiKey', in: 'header', name: 'api-key' },
    },
    security: [{ api_key: [] }],
    'x-ms-connector-metadata': [{ propertyName: 'Categories', propertyValue: 'AI;Business Intelligence' }],
  };
}

function declaredOf({ operationId, declared }: Action, served: readonly Operation[]): Operation {
  const found = served.find(({ method, path }) => `${method} ${path}` === declared);
  if (!found) throw new Error(`${operationId}: no operation '${declared}' is declared.`);
  return found;
}

/** The path with the connector's names. Throws where they are not those of the declaration. */
function pathOf({ base = '', parameters, operationId }: Action, { path }: Operation): string {
  const own = new Map(parameters.map(({ declaredAs, name }) => [declaredAs, name]));
  return (
    base +
    path.replace(/\{(\w+)\}/g, (_whole, declared: string) => {
      const name = own.get(declared);
      if (name === undefined) throw new Error(`${operationId} lacks the parameter '${declared}'.`);
      return `{${name}}`;
    })
  );
}

function actionOf(action: Action, { projectBody, body }: Operation) {
  const { operationId, summary, description, visibility, returns, accepted } = action;
  const schema = { $ref: `#/definitions/${returns.name}` };
  return {
    operationId,
    summary,
    description,
    ...(visibility && { 'x-ms-visibility': visibility }),
    parameters: [...action.parameters.map(parameterOf), ...bodyOf(action, projectBody ?? body)],
    responses: {
      200: { description: 'The answer.', schema },
      ...(accepted && { 202: { description: accepted, schema } }),
      default: { description: 'What is wrong.' },
    },
  };
}

function parameterOf(parameter: Parameter) {
  const { name, in: place, title, description, isInternal, dynamicValues } = parameter;
  return {
    name,
    in: place,
    required: true,
    type: 'string',
    description,
    'x-ms-summary': title,
    ...(place === 'path' && { 'x-ms-url-encoding': 'single' }),
    'x-ms-visibility': isInternal ? 'internal' : place === 'path' ? 'important' : 'advanced',
    ...(parameter.default !== undefined && { default: parameter.default }),
    ...(dynamicValues && { 'x-ms-dynamic-values': dynamicValues }),
  };
}

function bodyOf({ operationId, body: fields }: Action, declared: Operation['body']) {
  if (!fields) return [];
  if (!(declared instanceof z.ZodType)) throw new Error(`${operationId}: its operation declares no body.`);
  const schema = schemaOf(fields, new DeclaredSchema(declared, 'input'));
  return [{ name: 'body', in: 'body', required: true, schema }];
}
