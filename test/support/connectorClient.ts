/** Calls actions as a designer and its runtime do: knowing nothing but the definition and the connection. */
import { objectOf } from './swagger2';

type Json = Record<string, unknown>;

export interface Connection {
  /** The full address of the project. */
  endpoint: string;
  apiKey: string;
}

export interface ActionAnswer {
  status: number;
  headers: Headers;
  body: Json;
}

export interface ConnectorClient {
  /** Calls the action with parameters and a body, which must be ones that the definition declares; the answer is checked against it. */
  call(operationId: string, parameters?: Json, body?: Json): Promise<ActionAnswer>;
  /** Title and value of what the designer offers for a parameter, or for a field of the body such as `agent.name`. */
  choices(operationId: string, field: string): Promise<{ title: unknown; value: unknown }[]>;
}

export function connectorClient(definition: Json, { endpoint, apiKey }: Connection): ConnectorClient {
  const found = (operationId: string) => {
    for (const [path, verbs] of Object.entries(objectOf(definition.paths)))
      for (const [verb, action] of Object.entries(objectOf(verbs)))
        if (objectOf(action).operationId === operationId) return { path, verb, action: objectOf(action) };
    throw new Error(`There is no action ${operationId}.`);
  };
  const parametersOf = (action: Json): Json[] =>
    Array.isArray(action.parameters) ? action.parameters.map(objectOf) : [];

  const call: ConnectorClient['call'] = async (operationId, given = {}, body = {}) => {
    const { path, verb, action } = found(operationId);
    const parameters = parametersOf(action);
    const unknown = Object.keys(given).find((name) => !parameters.some((each) => each.name === name));
    if (unknown !== undefined) throw new Error(`${operationId} has no parameter ${unknown}.`);
    const basePath = String(definition.basePath).replace(/\/$/, '');
    let url = endpoint + basePath + path;
    const query = new URLSearchParams();
    let sent: unknown;
    for (const parameter of parameters) {
      const name = String(parameter.name);
      const value = given[name] ?? parameter.default;
      if (parameter.in === 'body') sent = filled(objectOf(parameter.schema), body, operationId);
      else if (value === undefined) throw new Error(`${operationId} needs ${name}.`);
      else if (parameter.in === 'path') url = url.replace(`{${name}}`, encodeURIComponent(String(value)));
      else query.set(name, String(value));
    }
    const answer = await fetch(`${url}?${query.toString()}`, {
      method: verb.toUpperCase(),
      headers: { 'api-key': apiKey, ...(sent !== undefined && { 'content-type': 'application/json' }) },
      ...(sent !== undefined && { body: JSON.stringify(sent) }),
    });
    const told: unknown = await answer.json();
    const declared = objectOf(objectOf(action.responses)[String(answer.status)]).schema;
    if (declared !== undefined) {
      const name = String(objectOf(declared).$ref).replace('#/definitions/', '');
      checkAnswer(objectOf(objectOf(definition.definitions)[name]), told, name);
    }
    return { status: answer.status, headers: answer.headers, body: objectOf(told) };
  };

  return {
    call,
    async choices(operationId, field) {
      const parameters = parametersOf(found(operationId).action);
      const body = objectOf(parameters.find((each) => each.in === 'body')?.schema);
      const own = field.split('.').reduce((at, step) => objectOf(objectOf(at.properties)[step]), body);
      const source = parameters.find((each) => each.name === field) ?? own;
      const list = objectOf(source['x-ms-dynamic-values']);
      const { body: answer } = await call(String(list.operationId), objectOf(list.parameters));
      const entries = answer[String(list['value-collection'])];
      return (Array.isArray(entries) ? entries : []).map((entry) => ({
        title: entry[String(list['value-title'])],
        value: entry[String(list['value-path'])],
      }));
    },
  };
}

/** The value with the defaults of its schema. Throws for what the schema does not have, and for what it needs. */
function filled(schema: Json, value: unknown, at: string): unknown {
  check(schema, value, at);
  if (schema.type === 'array' && Array.isArray(value))
    return value.map((each, index) => filled(objectOf(schema.items), each, `${at}[${index}]`));
  const properties = Object.entries(objectOf(schema.properties));
  if (properties.length === 0) return value;
  const given = objectOf(value);
  const unknown = Object.keys(given).find((name) => !properties.some(([known]) => known === name));
  if (unknown !== undefined) throw new Error(`${at} has no field ${unknown}.`);
  const required = Array.isArray(schema.required) ? schema.required : [];
  const result: Json = {};
  for (const [name, property] of properties) {
    const inner = given[name] ?? objectOf(property).default;
    if (inner === undefined && required.includes(name)) throw new Error(`${at} needs ${name}.`);
    if (inner !== undefined) result[name] = filled(objectOf(property), inner, `${at}.${name}`);
  }
  return result;
}

function check(schema: Json, value: unknown, at: string): void {
  const type = Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
  const fits = schema.type === undefined || schema.type === type || (schema.type === 'number' && type === 'integer');
  if (!fits) throw new Error(`${at} is of the type ${type}, not ${String(schema.type)}.`);
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) throw new Error(`${at} is ${String(value)}.`);
}

/** Throws where a declared field is of another type; null is none. Fields that choose their form, `tool_choice`, are declared as objects and may be words. */
function checkAnswer(schema: Json, value: unknown, at: string): void {
  if (value === null || value === undefined) return;
  if (!(at.endsWith('.tool_choice') || at.endsWith('.response_format'))) check(schema, value, at);
  if (Array.isArray(value))
    value.forEach((each, index) => checkAnswer(objectOf(schema.items), each, `${at}[${index}]`));
  else
    for (const [name, property] of Object.entries(objectOf(schema.properties)))
      checkAnswer(objectOf(property), objectOf(value)[name], `${at}.${name}`);
}
